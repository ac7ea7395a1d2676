/// The run folder: creation, the lock, what is removed and what is not.

import Foundation
import Runs
import Testing

@Suite struct RunFolderTests {
  @Test("the default name holds the time, the model and the dataset, and is unique")
  func defaultName() throws {
    let scratch = try ScratchFolder()
    let date = Date(timeIntervalSince1970: 1_000_000_000)
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat = "yyyyMMdd-HHmmss"
    let expected = "\(scratch.path)/runs/\(formatter.string(from: date))-resnet20-fashion-mnist"
    let create = {
      try RunFolder.create(
        model: "resnet20", dataset: "fashion-mnist", in: scratch.path + "/runs", at: date)
    }
    let first = try create()
    let second = try create()
    #expect(first.path == expected)
    #expect(second.path == expected + "-2")
  }

  @Test("a dataset given as a path stays one folder name")
  func safeName() throws {
    let scratch = try ScratchFolder()
    let folder = try RunFolder.create(model: "resnet20", dataset: "../a b", in: scratch.path)
    #expect(folder.path.hasSuffix("-resnet20-..-a-b"))
    #expect(folder.path.hasPrefix(scratch.path + "/2"))
  }

  @Test("a second holder is refused with the name of the first")
  func lock() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/deep/run"
    let first = try RunFolder(creating: path)
    #expect(first.isExclusive)
    for attempt in [{ try RunFolder(creating: path) }, { try RunFolder(resuming: path) }] {
      let error = #expect(throws: RunFolderError.self) { try attempt() }
      guard case .inUse(path, let holder) = error else {
        Issue.record("not refused as in use: \(String(describing: error))")
        return
      }
      #expect(holder.hasPrefix("pid \(ProcessInfo.processInfo.processIdentifier) on host "))
    }
    withExtendedLifetime(first) {}
  }

  @Test("the lock ends with its holder")
  func lockReleased() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/run"
    do { try RunFolder(creating: path).writeConfig(yaml: "model: resnet20\n") }
    let folder = try RunFolder(resuming: path)
    #expect(try scratch.text("run/config.yaml") == "model: resnet20\n")
    #expect(folder.path == path)
  }

  @Test("a folder with files is not taken for a new run, and stays as it was")
  func notEmpty() throws {
    let scratch = try ScratchFolder()
    try scratch.put("precious", "thesis.tex")
    #expect(throws: RunFolderError.notEmpty(path: scratch.path)) {
      try RunFolder(creating: scratch.path)
    }
    #expect(try scratch.names == ["thesis.tex"])
  }

  @Test("an earlier run is not overwritten without being resumed")
  func earlierRun() throws {
    let scratch = try ScratchFolder()
    do {
      let folder = try RunFolder(creating: scratch.path)
      try folder.writeConfig(yaml: "a: 1\n")
      try folder.writeCheckpoint(step: 7) { _ in }
    }
    let before = try scratch.names
    #expect(throws: RunFolderError.notEmpty(path: scratch.path)) {
      try RunFolder(creating: scratch.path)
    }
    #expect(try scratch.names == before)
  }

  @Test("a run that was stopped before its first checkpoint begins again in its folder")
  func unstarted() throws {
    let scratch = try ScratchFolder()
    do { try RunFolder(creating: scratch.path).writeConfig(yaml: "a: 1\n") }
    try scratch.put("{}", "metrics.jsonl")
    try scratch.put("half", "checkpoints/.tmp-step-0000007-4711-0123456789abcdef")
    do { _ = try RunFolder(creating: scratch.path) }
    #expect(try scratch.names == ["checkpoints", "lock"])
    // One file of somebody else's, and all stays.
    try scratch.put("x", "config.yaml")
    try scratch.put("x", "notes.txt")
    #expect(throws: RunFolderError.notEmpty(path: scratch.path)) {
      try RunFolder(creating: scratch.path)
    }
    #expect(try scratch.names == ["checkpoints", "config.yaml", "lock", "notes.txt"])
  }

  @Test("files of the run's own that are configured to be in the folder do not count, and stay")
  func outputs() throws {
    let scratch = try ScratchFolder()
    let outputs = [scratch.path + "/trace.json", scratch.path + "/x.prom", "/elsewhere/notes.txt"]
    try scratch.put("[]", "trace.json")
    do {
      try RunFolder(creating: scratch.path, outputs: outputs).writeConfig(yaml: "a: 1\n")
    }
    try scratch.put("up 1", "x.prom")
    do { _ = try RunFolder(creating: scratch.path, outputs: outputs) }
    #expect(try scratch.names == ["checkpoints", "lock", "trace.json", "x.prom"])
    #expect(throws: RunFolderError.notEmpty(path: scratch.path)) {
      try RunFolder(creating: scratch.path)
    }
    try scratch.put("x", "notes.txt")
    #expect(throws: RunFolderError.notEmpty(path: scratch.path)) {
      try RunFolder(creating: scratch.path, outputs: outputs)
    }
  }

  @Test("a damaged checkpoint is kept under a name that no checkpoint has")
  func setAside() throws {
    let scratch = try ScratchFolder()
    let folder = try RunFolder(creating: scratch.path)
    for attempt in 1...3 {
      let written = try folder.writeCheckpoint(step: 7) { temporary in
        try "\(attempt)".write(toFile: temporary + "/model", atomically: false, encoding: .utf8)
      }
      try folder.setAside(written.path)
      #expect(try folder.checkpoints().isEmpty)
    }
    #expect(try scratch.text("checkpoints/damaged-step-0000007/model") == "1")
    #expect(try scratch.text("checkpoints/damaged-step-0000007-2/model") == "2")
    #expect(try scratch.text("checkpoints/damaged-step-0000007-3/model") == "3")
  }

  @Test("a run that died before it wrote anything does not block its folder")
  func diedAtOnce() throws {
    let scratch = try ScratchFolder()
    do { _ = try RunFolder(creating: scratch.path) }
    _ = try RunFolder(creating: scratch.path)
  }

  @Test("resuming what is not there, or a file, says so")
  func resumeMissing() throws {
    let scratch = try ScratchFolder()
    let missing = scratch.path + "/none"
    #expect(throws: RunFolderError.nothingToResume(path: missing)) {
      try RunFolder(resuming: missing)
    }
    try scratch.put("", "file")
    let file = scratch.path + "/file"
    #expect(throws: RunFolderError.notAFolder(path: file)) { try RunFolder(resuming: file) }
    #expect(throws: RunFolderError.notAFolder(path: file)) { try RunFolder(creating: file) }
  }

  @Test("leftovers under our temporary names go, everything else stays")
  func leftovers() throws {
    let scratch = try ScratchFolder()
    do { _ = try RunFolder(creating: scratch.path) }
    let ours = ".tmp-step-0000007-4711-0123456789abcdef"
    let others = [".tmp-mine", ".tmp-notes-12-xyz", "step-0000007.bak"]
    for name in others { try scratch.put("x", "checkpoints/" + name) }
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/checkpoints/" + ours, withIntermediateDirectories: false)
    try scratch.put("half", "checkpoints/\(ours)/model.safetensors")
    try scratch.put("half", ".tmp-config.yaml-1-ffffffffffffffff")
    let folder = try RunFolder(resuming: scratch.path)
    #expect(try scratch.names == ["checkpoints", "lock"])
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.checkpointsPath)
    #expect(left.sorted() == others.sorted())
    #expect(try folder.checkpoints().isEmpty)
  }

  @Test("checkpoints are listed by step and the newest three are kept")
  func checkpoints() throws {
    let scratch = try ScratchFolder()
    let folder = try RunFolder(creating: scratch.path)
    #expect(try folder.checkpoints().isEmpty)
    for step in [938, 12_345_678, 469, 1407, 1] {
      try folder.writeCheckpoint(step: step) { temporary in
        try "x".write(toFile: temporary + "/model", atomically: false, encoding: .utf8)
      }
    }
    try scratch.put("mine", "checkpoints/notes.txt")
    #expect(try folder.checkpoints().map(\.step) == [1, 469, 938, 1407, 12_345_678])
    #expect(folder.checkpointPath(step: 1234).hasSuffix("/checkpoints/step-0001234"))
    let removed = try folder.pruneCheckpoints(keepingNewest: 2, and: [938, 12_345_678])
    #expect(removed.map(\.step) == [1, 469])
    #expect(try folder.checkpoints().map(\.step) == [938, 1407, 12_345_678])
    #expect(try scratch.text("checkpoints/notes.txt") == "mine")
    #expect(try RunFolder.checkpoints(in: scratch.path + "/none").isEmpty)
  }
}
