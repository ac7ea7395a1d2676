/// Memory that is left, from made-up copies of what the kernel tells.

import Foundation
import System
import TestSupport
import Testing

@Suite struct AvailableMemoryTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    try put("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n")
  }

  private func put(_ path: String, _ text: String) throws {
    let url = URL(filePath: folder.file(path))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: url, atomically: true, encoding: .utf8)
  }

  private func read(addressSpace: Int? = nil) -> AvailableMemory? {
    AvailableMemory.read(root: folder.file(""), addressSpace: addressSpace)
  }

  @Test("without control groups the machine's available memory counts")
  func machine() {
    #expect(read()?.bytes == 8 << 30)
    #expect(read()?.limit == "this machine")
  }

  @Test("a control group of version 2 counts with its parents, less what is used but for its cache")
  func versionTwo() throws {
    try put("proc/self/cgroup", "0::/slurm/job_7/step_0\n")
    try put("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n")
    try put("sys/fs/cgroup/slurm/job_7/step_0/memory.current", "1024\n")
    try put("sys/fs/cgroup/slurm/job_7/memory.max", "\(4 << 30)\n")
    try put("sys/fs/cgroup/slurm/job_7/memory.current", "\(3 << 30)\n")
    try put("sys/fs/cgroup/slurm/job_7/memory.stat", "anon 5\ninactive_file \(1 << 30)\n")
    #expect(read()?.bytes == 2 << 30)
    #expect(read()?.limit == "this job's control group")
  }

  @Test("a control group of version 1 counts, and its way of writing no limit")
  func versionOne() throws {
    try put("proc/self/cgroup", "4:cpu,cpuacct:/\n9:memory:/job\n")
    try put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    try put("sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n")
    #expect(read()?.bytes == 8 << 30)
    try put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "\(2 << 30)\n")
    try put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "\(1 << 30)\n")
    try put("sys/fs/cgroup/memory/job/memory.stat", "cache 7\ntotal_inactive_file 512\n")
    #expect(read()?.bytes == (1 << 30) + 512)
  }

  @Test("in a container the top of the hierarchy is its group")
  func container() throws {
    try put("proc/self/cgroup", "0::/../outside\n")
    try put("sys/fs/cgroup/memory.max", "\(1 << 30)\n")
    try put("sys/fs/cgroup/memory.current", "0\n")
    #expect(read()?.bytes == 1 << 30)
  }

  @Test("a limit of the address space counts")
  func addressSpace() {
    #expect(read(addressSpace: 5)?.bytes == 5)
    #expect(read(addressSpace: 5)?.limit == "ulimit -v")
  }

  @Test("where the system says nothing, nothing is known; here it says something")
  func unknown() throws {
    let empty = try TemporaryDirectory()
    #expect(AvailableMemory.read(root: empty.file(""), addressSpace: nil) == nil)
    #expect(try #require(AvailableMemory.read()).bytes > 1 << 20)
  }
}
