/// Communicators: places, duplicates, parts.

import MPI

let communicatorChecks: [Check] = [
  Check("ranks are numbered 0 up to the size, the same in a duplicate") { communicator in
    expectEqual(
      try communicator.allGather(communicator.rank), Array(0..<communicator.size), "ranks")
    expectEqual(communicator.rank, Communicator.world.rank, "rank in the duplicate")
    expectEqual(communicator.size, Communicator.world.size, "size of the duplicate")
  },

  Check("selfOnly is this rank alone") { _ in
    let alone = Communicator.selfOnly
    expectEqual(alone.size, 1, "size")
    expectEqual(alone.rank, 0, "rank")
    expectEqual(try alone.allReduce(7, .sum), 7, "sum")
  },

  Check("a duplicate does not see the original's messages", minimumRanks: 2) { communicator in
    // The message of the original comes first; a receive on the duplicate must not take it.
    let duplicate = try communicator.duplicate()
    if communicator.rank == 0 {
      try communicator.send([1], to: 1, tag: 5)
      try duplicate.send([2], to: 1, tag: 5)
    } else if communicator.rank == 1 {
      expectEqual(try duplicate.receive(Int.self, from: 0, tag: 5), [2], "on the duplicate")
      expectEqual(try communicator.receive(Int.self, from: 0, tag: 5), [1], "on the original")
    }
  },

  Check("a split groups by color and orders by key") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let part: Communicator = try communicator.split(color: rank % 2, key: -rank)
    let members = (0..<size).filter { $0 % 2 == rank % 2 }.reversed()
    expectEqual(part.size, members.count, "size of the part")
    expectEqual(try part.allGather(rank), Array(members), "members by descending key")
    expectEqual(try part.allReduce(rank, .sum), members.reduce(0, +), "sum over the part")
  },

  Check("a rank without a color gets no part") { communicator in
    let color: Int? = communicator.rank == 0 ? nil : 3
    let part = try communicator.split(color: color)
    expectEqual(part == nil, communicator.rank == 0, "nil")
    if let part {
      expectEqual(part.size, communicator.size - 1, "size of the part")
      expectEqual(part.rank, communicator.rank - 1, "rank in the part")
    }
  },

  Check("a negative color is refused as an error of MPI_Comm_split") { communicator in
    expectError("MPI_Comm_split", .other) {
      let _: Communicator = try communicator.split(color: -1)
    }
  },

  Check("ranks of one host share memory") { communicator in
    let local = try communicator.splitBySharedMemory()
    // Ranks are started on one host here; on several the parts must still add up.
    let groups = try communicator.allReduce(local.rank == 0 ? 1 : 0, .sum)
    let members = try communicator.allReduce(local.rank == 0 ? local.size : 0, .sum)
    expectEqual(members, communicator.size, "members of all hosts")
    if let localRank = LaunchedProcess.current?.localRank {
      expectEqual(local.rank, localRank, "rank on the host")
    }
    expect(groups >= 1, "no host")
  },

  Check("a thousand duplicates can be made one after the other") { communicator in
    for round in 0..<1000 {
      let duplicate = try communicator.duplicate()
      if round % 250 == 0 {
        expectEqual(try duplicate.allReduce(1, .sum), communicator.size, "round \(round)")
      }
    }
  },
]
