# The kernel has IJulia from its own environment, behind all that the project and the user have.
push!(LOAD_PATH, "/srv/julia-depot/environments/ijulia")
import IJulia
if isdefined(IJulia, :run_kernel)
    IJulia.run_kernel()
else
    include(joinpath(dirname(pathof(IJulia)), "kernel.jl"))
end
