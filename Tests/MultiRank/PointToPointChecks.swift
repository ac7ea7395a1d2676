/// Messages between two ranks.

import MPI

let pointToPointChecks: [Check] = [
  Check("a ring passes messages of every size around") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let (right, left) = ((rank + 1) % size, (rank + size - 1) % size)
    for count in [0, 1, 1000, 300_000] {
      let received = try exchanged(
        [Float](repeating: Float(rank), count: count), into: [Float](repeating: -1, count: count)
      ) {
        let status = try communicator.sendReceive($0, to: right, into: $1, from: left, tag: 3)
        expectEqual(status.source, left, "source")
        expectEqual(status.tag, 3, "tag")
        expectEqual(status.count(of: Float.self), count, "count")
      }
      expectEqual(
        received, [Float](repeating: Float(left), count: count), "\(count) from the left")

      let replaced = try withBuffer([Int](repeating: rank, count: count)) { buffer in
        try communicator.sendReceive(replacing: buffer, to: right, from: left)
        return Array(buffer)
      }
      expectEqual(replaced, [Int](repeating: left, count: count), "\(count) replaced")
    }
  },

  Check("messages from one sender arrive in order; tags choose among them", minimumRanks: 2) {
    communicator in
    if communicator.rank == 0 {
      for number in 0..<10 { try communicator.send([number], to: 1, tag: number % 2) }
    } else if communicator.rank == 1 {
      for number in [1, 3, 5, 7, 9] {
        expectEqual(try communicator.receive(Int.self, from: 0, tag: 1), [number], "odd")
      }
      for number in [0, 2, 4, 6, 8] {
        expectEqual(try communicator.receive(Int.self, from: 0, tag: nil), [number], "even")
      }
    }
  },

  Check("a receive from any rank tells who sent") { communicator in
    if communicator.rank == 0 {
      var senders: Set<Int> = []
      for _ in 1..<communicator.size {
        try withBuffer([Int32](repeating: 0, count: 4)) { buffer in
          let status = try communicator.receive(into: buffer, from: nil, tag: nil)
          expectEqual(Int(buffer[0]), status.source, "the sender's own number")
          expectEqual(status.tag, status.source + 100, "tag")
          expectEqual(status.count(of: Int32.self), 1, "count, shorter than the buffer")
          senders.insert(status.source)
        }
      }
      expectEqual(senders, Set(1..<max(1, communicator.size)), "senders")
    } else {
      try communicator.send([Int32(communicator.rank)], to: 0, tag: communicator.rank + 100)
    }
  },

  Check("a probe describes a message and leaves it there", minimumRanks: 2) { communicator in
    if communicator.rank == 0 {
      try communicator.send([1.5, 2.5, 3.5] as [Float], to: 1, tag: 8)
      try communicator.barrier()
    } else if communicator.rank == 1 {
      let status = try communicator.probe(from: 0, tag: 8)
      expectEqual(status.count(of: Float.self), 3, "count")
      expectEqual(status.count(of: Double.self), nil, "count in elements that do not fit")
      expect(try communicator.iProbe(from: 0, tag: 8) != nil, "the message is still there")
      expect(try communicator.iProbe(from: 0, tag: 9) == nil, "no message has tag 9")
      expectEqual(try communicator.receive(Float.self, from: 0, tag: 8), [1.5, 2.5, 3.5], "it")
      expect(try communicator.iProbe(from: 0, tag: 8) == nil, "the message is gone")
      try communicator.barrier()
    } else {
      try communicator.barrier()
    }
  },
]
