# Installs and compiles the packages of the project, or those whose names follow `add`.
using Pkg
if ARGS[1] == "add"
    Pkg.add(ARGS[2:end])
elseif ARGS[1] == "resolve"
    Pkg.resolve()
end
Pkg.instantiate()
Pkg.precompile()
# With versions of the project, the kernel may have to be compiled again.
push!(LOAD_PATH, "/srv/julia-depot/environments/ijulia")
import IJulia
