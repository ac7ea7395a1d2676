/// The promise: any number of ranks, any number of threads, the same bits.

import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct RankInvarianceTests {
    @Test("50 steps with augmentation give the same parameters on 1, 2, 3, 4, 6 and 8 ranks")
    func ranks() throws {
      let folder = try TemporaryDirectory()
      var digests: [Int: String] = [:]
      for ranks in [1, 2, 3, 4, 6, 8] {
        let path = folder.file("ranks-\(ranks)")
        let outcome = try Job.run(
          ranks, Job.small + ["--iterations", "50", "--run-dir", path])
        #expect(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        digests[ranks] = try Job.digest(path)
        #expect(outcome.standardOutput.contains(digests[ranks]!))
      }
      #expect(Set(digests.values).count == 1, "\(digests)")
      #expect(digests[1]?.count == 64)
    }

    @Test("threads, and a batch that the shards do not divide, change no bits")
    func threadsAndUnevenBatches() throws {
      let folder = try TemporaryDirectory()
      var digests: [String] = []
      for (ranks, threads) in [(1, 1), (1, 4), (2, 2), (5, 1)] {
        let path = folder.file("run-\(ranks)-\(threads)")
        let outcome = try Job.run(
          ranks,
          Job.small + [
            "--batch-size", "45", "--iterations", "12", "--threads", "\(threads)", "--workers",
            "\(threads)", "--run-dir", path,
          ])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        digests.append(try Job.digest(path))
      }
      #expect(Set(digests).count == 1, "\(digests)")
    }

    @Test("the size of gradient buckets changes no bits; MPI's reduction agrees up to rounding")
    func reductions() throws {
      let folder = try TemporaryDirectory()
      func train(_ name: String, _ flags: [String]) throws -> (digest: String, loss: Double) {
        let path = folder.file(name)
        let outcome = try Job.run(
          4, Job.small + ["--iterations", "8", "--lr", "0.01", "--run-dir", path] + flags)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let loss = try #require(Job.metrics(path).last { $0["split"] == "test" }?["loss"])
        return (try Job.digest(path), try #require(Double(loss)))
      }
      let whole = try train("whole", ["--bucket-mb", "100"])
      let small = try train("small", ["--bucket-mb", "0.01"])
      let mpi = try train("mpi", ["--reduction", "mpi", "--bucket-mb", "0.05"])
      #expect(whole.digest == small.digest)
      #expect(abs(mpi.loss - whole.loss) < 1e-3 * whole.loss, "\(mpi.loss) and \(whole.loss)")
    }

    @Test("BN groups do not depend on the number of ranks, and on their size they do")
    func normalizationGroups() throws {
      let folder = try TemporaryDirectory()
      func train(_ ranks: Int, _ flags: [String]) throws -> String {
        let path = folder.file("\(ranks)-\(flags.joined())")
        let outcome = try Job.run(
          ranks, Job.small + ["--iterations", "6", "--run-dir", path] + flags)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return try Job.digest(path)
      }
      let groups = try [1, 3, 4].map { try train($0, ["--bn-group-size", "8"]) }
      #expect(Set(groups).count == 1, "\(groups)")
      let others = try [4, 16, 32].map { try train(2, ["--bn-group-size", "\($0)"]) }
      #expect(Set(others + groups).count == 4)
      #expect(try train(2, []) == others[2])
    }

    @Test("parts of a mini-batch give the bits of the whole where BN groups lie inside parts")
    func accumulation() throws {
      let folder = try TemporaryDirectory()
      func train(_ ranks: Int, _ flags: [String]) throws -> (digest: String, losses: [String]) {
        let path = folder.file("\(ranks)-\(flags.joined())")
        let outcome = try Job.run(
          ranks,
          Job.small + [
            "--iterations", "6", "--shards", "16", "--checkpoint-every", "3", "--lr-milestones",
            "none", "--run-dir", path,
          ] + flags)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let losses = try Job.metrics(path).filter { $0["split"] == "train" }.compactMap {
          $0["loss"]
        }
        return (try Job.digest(path), losses)
      }
      let whole = try train(2, ["--bn-group-size", "4"])
      for (ranks, parts) in [(1, 2), (2, 8), (4, 4)] {
        let parted = try train(ranks, ["--bn-group-size", "4", "--accumulate", "\(parts)"])
        #expect(parted.digest == whole.digest, "\(ranks) ranks, \(parts) parts")
        #expect(parted.losses == whole.losses)
      }
      // Without BN groups a part is normalized by itself.
      let parted = try train(2, ["--accumulate", "2"])
      #expect(parted.digest == (try train(1, ["--bn-group-size", "16"])).digest)
      let resumed = try Job.run(
        4,
        [
          "--resume", folder.file("2---accumulate2") + "/checkpoints/step-0000003", "--run-dir",
          folder.file("resumed"),
        ])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try Job.digest(folder.file("resumed")) == parted.digest)
    }

    @Test("another seed gives other parameters")
    func seeds() throws {
      let folder = try TemporaryDirectory()
      let digests = try [1, 2].map { seed in
        let path = folder.file("seed-\(seed)")
        let outcome = try Job.alone(
          Job.small + ["--iterations", "3", "--seed", "\(seed)", "--run-dir", path])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        return try Job.digest(path)
      }
      #expect(digests[0] != digests[1])
    }
  }
}
