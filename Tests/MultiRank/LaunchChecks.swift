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
    expectEqual(
      process(["MV2_COMM_WORLD_RANK": "2", "MV2_COMM_WORLD_SIZE": "4"])?.size, 4, "mpirun_rsh")
  },

  Check("ranks that MPI cannot join are told from a world") { communicator in
    func isJoined(_ variables: [String: String], _ worldSize: Int?) -> Bool {
      guard let process = LaunchedProcess(environment: { variables[$0] }) else { return true }
      do { try process.checkWorld(size: worldSize) } catch { return false }
      return true
    }
    let hydra = ["PMI_RANK": "0", "PMI_SIZE": "4"]
    expect(isJoined(hydra, nil), "before MPI starts nothing is known of hydra")
    expect(!isJoined(hydra, 1), "hydra of another MPI")
    expect(isJoined(hydra, 4), "hydra of an MPI that speaks PMI")
    expect(isJoined(["PMI_RANK": "0", "PMI_SIZE": "1"], 1), "hydra with one process")
    expect(isJoined(["PMIX_RANK": "0"], 1), "PMIx alone does not tell how many there are")
    expect(!isJoined(["SLURM_PROCID": "0", "SLURM_STEP_ID": "0"], nil), "srun without PMIx")
    expect(isJoined(["SLURM_PROCID": "0"], nil), "a batch script")
    do { try LaunchedProcess.current?.checkWorld(size: communicator.size) } catch {
      expect(false, "this world: \(error)")
    }
  },

  Check("the library and the environment describe themselves") { _ in
    expect(MPIEnvironment.isActive, "MPI is active")
    expect(!MPIEnvironment.isFinalized, "MPI is not finalized")
    expect(MPIEnvironment.standardVersion.major >= 3, "MPI 3 or later")
    expect(!MPIEnvironment.libraryVersion.isEmpty, "library version")
  },
]
