/// Processors that control groups allow, from made-up copies of what the kernel tells; `launch/environment` reads the
/// same.

import Foundation
import System
import TestSupport
import Testing

@Suite struct ProcessorQuotaTests {
  /// Files that the kernel makes, and the processors that follow from them.
  struct Tree: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let files: [String: String]
    let quota: Double?

    init(_ description: String, _ quota: Double?, _ files: [String: String]) {
      (testDescription, self.quota, self.files) = (description, quota, files)
    }
  }

  static let trees = [
    Tree("no control groups", nil, [:]),
    Tree(
      "version 2 without a limit", nil,
      ["proc/self/cgroup": "0::/job\n", "sys/fs/cgroup/job/cpu.max": "max 100000\n"]),
    Tree(
      "version 2, the parents included", 2.5,
      [
        "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
        "sys/fs/cgroup/slurm/cpu.max": "400000 100000\n",
        "sys/fs/cgroup/slurm/job_7/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000\n",
      ]),
    Tree(
      "a container, whose group is the top", 3,
      ["proc/self/cgroup": "0::/../outside\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"]),
    Tree(
      "version 1, the parents included", 1.5,
      [
        "proc/self/cgroup": "9:memory:/x\n4:cpu,cpuacct:/user.slice/job\n3:cpuset:/job\n0::/job\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu/user.slice/cpu.cfs_quota_us": "75000\n",
        "sys/fs/cgroup/cpu/user.slice/cpu.cfs_period_us": "50000\n",
        "sys/fs/cgroup/cpu/user.slice/job/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/user.slice/job/cpu.cfs_period_us": "50000\n",
      ]),
    Tree(
      "version 1 in a container", 4,
      [
        "proc/self/cgroup": "4:cpu:/docker/1eb3\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      ]),
  ]

  @Test("the least of a process's control groups counts", arguments: trees)
  func quota(tree: Tree) throws {
    let folder = try TemporaryDirectory()
    for (path, text) in tree.files {
      let url = URL(filePath: folder.file(path))
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: url, atomically: true, encoding: .utf8)
    }
    #expect(ProcessorTopology.quota(root: folder.path) == tree.quota)

    // The scripts count whole processors.
    let script = try ProcessRunner.run(
      "/usr/bin/env",
      ["bash", "-c", "set -eu; source launch/environment; resnet_dist_quota \"$0\"", folder.path],
      directory: Self.root, timeout: 20)
    let expected = tree.quota.map { "\(Int($0.rounded(.up)))" } ?? ""
    #expect(script.exitCode == 0, "\(script)")
    #expect(
      script.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines) == expected, "\(script)"
    )
  }

  /// The repository's top folder.
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
}
