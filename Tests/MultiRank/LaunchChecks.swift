/// What a process knows of itself: its launcher, its library.

import MPI

let launchChecks: [Check] = [
  Check("the launcher's rank and size are those of the world") { communicator in
    if let process = LaunchedProcess.current {
      expectEqual(process.rank, communicator.rank, "rank")
      expectEqual(process.size ?? communicator.size, communicator.size, "size")
    } else {
      expectEqual(communicator.size, 1, "size without a launcher")
    }
  },

  Check("launchers are told apart by their variables") { _ in
    func process(_ variables: [String: String]) -> LaunchedProcess? {
      LaunchedProcess { variables[$0] }
    }
    expectEqual(process([:]), nil, "no launcher")
    expectEqual(process(["SLURM_PROCID": "0", "SLURM_NTASKS": "8"]), nil, "a batch script")
    let step = process([
      "SLURM_PROCID": "3", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8",
      "SLURM_LOCALID": "1",
    ])
    expectEqual(step?.launcher, .slurm, "a job step")
    expectEqual(step?.rank, 3, "its rank")
    expectEqual(step?.size, 8, "its size")
    expectEqual(step?.localRank, 1, "its rank on the host")
    let openMPI = process([
      "OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_SIZE": "6", "PMIX_RANK": "5",
      "OMPI_COMM_WORLD_LOCAL_RANK": "2",
    ])
    expectEqual(openMPI?.launcher, .openMPI, "mpirun")
    expectEqual(openMPI?.rank, 5, "its rank")
    expectEqual(openMPI?.localRank, 2, "its rank on the host")
    expectEqual(process(["PMIX_RANK": "2"])?.launcher, .pmix, "srun --mpi=pmix")
    expectEqual(process(["PMI_RANK": "2", "PMI_SIZE": "4"])?.size, 4, "hydra")
  },

  Check("the library and the environment describe themselves") { _ in
    expect(MPIEnvironment.isActive, "MPI is active")
    expect(!MPIEnvironment.isFinalized, "MPI is not finalized")
    expect(MPIEnvironment.standardVersion.major >= 3, "MPI 3 or later")
    expect(!MPIEnvironment.libraryVersion.isEmpty, "library version")
  },
]
