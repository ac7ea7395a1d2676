/// The examples of the documentation of `MPI` (`Sources/MPI/MPI.docc`), which quotes them.

let exampleChecks: [Check] = [meanExample, overlapExample, ringExample, sharedMemoryExample]
