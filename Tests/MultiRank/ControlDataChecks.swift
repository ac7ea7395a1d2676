/// Arrays, strings and conditions: the small data that steers a run.

import MPI

let controlDataChecks: [Check] = [
  Check("arrays of different length are gathered") { communicator in
    let arrays = try communicator.allGather(
      (0..<communicator.rank * 2).map { Float($0) + Float(communicator.rank) })
    let expected = (0..<communicator.size).map { rank in
      (0..<rank * 2).map { Float($0) + Float(rank) }
    }
    expectEqual(arrays, expected, "arrays")
  },

  Check("strings of different length are gathered, empty and non-ASCII ones too") { communicator in
    func text(_ rank: Int) -> String { String(repeating: "é→\(rank)", count: rank) }
    expectEqual(
      try communicator.allGather(text(communicator.rank)), (0..<communicator.size).map(text),
      "strings")
  },

  Check("arrays and strings are gathered on one rank only") { communicator in
    let root = communicator.size - 1
    let arrays = try communicator.gather(
      Array(repeating: Double(communicator.rank), count: communicator.rank), root: root)
    let strings = try communicator.gather("rank \(communicator.rank)", root: root)
    let isRoot = communicator.rank == root
    let expected = (0..<communicator.size).map { Array(repeating: Double($0), count: $0) }
    expectEqual(arrays, isRoot ? expected : [], "arrays")
    expectEqual(
      strings, isRoot ? (0..<communicator.size).map { "rank \($0)" } : [], "strings")
  },

  Check("a broadcast takes the root's array and string, whatever the others hold") { communicator in
    let root = communicator.size - 1
    let mine = Array(repeating: communicator.rank, count: communicator.rank + 1)
    expectEqual(
      try communicator.broadcast(mine, root: root), Array(repeating: root, count: root + 1),
      "array")
    expectEqual(
      try communicator.broadcast("héllo from \(communicator.rank)", root: root),
      "héllo from \(root)", "string")
    expectEqual(try communicator.broadcast("", root: root), "", "empty string")
    expectEqual(try communicator.broadcast(communicator.rank, root: root), root, "value")
  },

  Check("conditions are agreed") { communicator in
    let isLast = communicator.rank == communicator.size - 1
    expectEqual(try communicator.anyRank(isLast), true, "any, true on one rank")
    expectEqual(try communicator.anyRank(false), false, "any, true on none")
    expectEqual(try communicator.allRanks(!isLast), false, "all, false on one rank")
    expectEqual(try communicator.allRanks(true), true, "all, true on all")
  },
]
