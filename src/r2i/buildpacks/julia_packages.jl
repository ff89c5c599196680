# Installs and compiles the packages of the project, or those whose names follow `add`.
using Pkg
if ARGS[1] == "add"
    Pkg.add(ARGS[2:end])
elseif ARGS[1] == "resolve"
    try
        Pkg.resolve()
    catch
        # What another release wrote may be in a format that this one does not read, or may not fit it.
        @info "The manifest is made again, because it does not fit this release of Julia"
        for name in ("JuliaManifest.toml", "Manifest.toml")
            rm(joinpath(dirname(Base.active_project()), name); force=true)
        end
    end
end
Pkg.instantiate()
Pkg.precompile()
# With versions of the project, the kernel may have to be compiled again.
push!(LOAD_PATH, "/srv/julia-depot/environments/ijulia")
import IJulia
