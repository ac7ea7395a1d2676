/// Errors: thrown with the name of the operation, its class and the library's text.

import MPI

let errorChecks: [Check] = [
  Check("ranks, roots and tags out of range are errors of their operation") { communicator in
    let beyond = communicator.size
    for rank in [beyond, -1, -2, Int.max] {
      expectError("MPI_Send", .rank) { try communicator.send([1], to: rank) }
      expectError("MPI_Mprobe", .rank) { _ = try communicator.receive(Int.self, from: rank) }
      withBuffer([1]) { buffer in
        expectError("MPI_Bcast", .root) { try communicator.broadcast(buffer, root: rank) }
        expectError("MPI_Recv", .rank) { try communicator.receive(into: buffer, from: rank) }
        expectError("MPI_Isend", .rank) {
          try communicator.iSend(UnsafeBufferPointer(buffer), to: rank).wait()
        }
        expectError("MPI_Ibcast", .root) {
          try communicator.iBroadcast(buffer, root: rank).wait()
        }
      }
    }
    expectError("MPI_Send", .tag) { try communicator.send([1], to: 0, tag: -1) }
    expectError("MPI_Iprobe", .tag) { _ = try communicator.iProbe(from: 0, tag: 1 << 40) }
  },

  Check("a message too long for its buffer throws truncated", minimumRanks: 2) { communicator in
    if communicator.rank == 0 {
      try communicator.send([1, 2, 3], to: 1, tag: 1)
      try communicator.send([1, 2, 3], to: 1, tag: 2)
      try communicator.send([1, 2, 3], to: 1, tag: 3)
    } else if communicator.rank == 1 {
      withBuffer([0, 0]) { buffer in
        expectError("MPI_Recv", .truncated) {
          try communicator.receive(into: buffer, from: 0, tag: 1)
        }
        expectError("MPI_Irecv", .truncated) {
          try communicator.iReceive(into: buffer, from: 0, tag: 2).wait()
        }
        expectError("MPI_Irecv", .truncated) {
          var request = try communicator.iReceive(into: buffer, from: 0, tag: 3)
          while try !request.test() {}
          try request.wait()
        }
      }
    }
  },

  Check("a request set names the operation that failed", minimumRanks: 2) { communicator in
    // Of two receives the second is too short.
    typealias Completion = @Sendable (inout RequestSet) throws -> Void
    let completions: [Completion] = [
      { try $0.waitAll() },
      { while try !$0.testAll() {} },
      { while !$0.isEmpty { _ = try $0.testSome() } },
      { while try $0.waitAny() != nil {} },
    ]
    for (number, complete) in completions.enumerated() {
      if communicator.rank == 0 {
        try communicator.send([1], to: 1, tag: 2 * number)
        try communicator.send([1, 2, 3], to: 1, tag: 2 * number + 1)
        try communicator.barrier()
      } else if communicator.rank == 1 {
        try communicator.barrier()
        try withBuffer([0, 0]) { buffer in
          var requests = RequestSet()
          for tag in [2 * number, 2 * number + 1] {
            requests.insert(
              try communicator.iReceive(
                into: UnsafeMutableBufferPointer(rebasing: buffer[(tag % 2)..<(tag % 2 + 1)]),
                from: 0, tag: tag))
          }
          expectError("MPI_Irecv", .truncated) { try complete(&requests) }
          expect(requests.isEmpty, "the set is empty after the error")
        }
      } else {
        try communicator.barrier()
      }
    }
  },

  Check("an error can be read: operation, rank, text") { communicator in
    do {
      try communicator.send([1], to: communicator.size)
      expect(false, "no error")
    } catch let error as MPIError {
      expectEqual(
        error.description,
        "MPI_Send failed on rank \(communicator.rank): rank \(communicator.size) is not in "
          + "0..<\(communicator.size)", "description")
      expectEqual(error.rank, communicator.rank, "rank")
    }
  },

  Check("the library's own text is in the error", minimumRanks: 2) { communicator in
    if communicator.rank == 0 {
      try communicator.send([1, 2, 3], to: 1)
    } else if communicator.rank == 1 {
      try withBuffer([0]) { buffer in
        do {
          try communicator.receive(into: buffer, from: 0)
          expect(false, "no error")
        } catch let error as MPIError {
          expect(error.text.contains("truncated"), "text: \(error.text)")
          expect(error.code != 0, "code: \(error.code)")
        }
      }
    }
  },

  Check("more elements than MPI-3 can count are refused before MPI is called") { communicator in
    // The buffer is never touched, so that its memory need not exist.
    let huge = UnsafeMutableBufferPointer<Float>(
      start: UnsafeMutablePointer(bitPattern: 4096), count: Int(Int32.max) + 1)
    let source = UnsafeBufferPointer(huge)
    expectError("MPI_Send", .count) { try communicator.send(source, to: 0) }
    expectError("MPI_Irecv", .count) { try communicator.iReceive(into: huge, from: 0).wait() }
    expectError("MPI_Bcast", .count) { try communicator.broadcast(huge) }
    expectError("MPI_Allreduce", .count) { try communicator.allReduce(inPlace: huge, .sum) }
    expectError("MPI_Iallreduce", .count) {
      try communicator.iAllReduce(inPlace: huge, .sum).wait()
    }
    expectError("BlockLayout", .count) { _ = try BlockLayout(counts: [Int(Int32.max), 1]) }
  },

  Check("MPI cannot be initialized twice") { _ in
    expectError("MPI_Init_thread", .other) { _ = try MPIEnvironment(requiring: .single) }
  },
]
