/// Non-blocking operations and the set that owns many of them.

import MPI

let requestChecks: [Check] = [
  Check("non-blocking collectives give what the blocking ones give") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let sum = try exchanged([rank + 1, 10], into: [0, 0]) {
      try communicator.iAllReduce($0, into: $1, .sum).wait()
    }
    expectEqual(sum, [size * (size + 1) / 2, 10 * size], "sum")

    try withBuffer([rank, rank * rank]) { buffer in
      try communicator.iAllReduce(inPlace: buffer, .max).wait()
      expectEqual(Array(buffer), [size - 1, (size - 1) * (size - 1)], "max in place")
    }

    for root in 0..<size {
      try withBuffer([rank, 7 * rank]) { buffer in
        try communicator.iBroadcast(buffer, root: root).wait()
        expectEqual(Array(buffer), [root, 7 * root], "broadcast from \(root)")
      }
    }

    let gathered = try exchanged([rank], into: Array(repeating: -1, count: size)) {
      try communicator.iAllGather($0, into: $1).wait()
    }
    expectEqual(gathered, Array(0..<size), "all-gather")
    try communicator.iBarrier().wait()
  },

  Check("a non-blocking gather keeps its layout alive") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let counts = (0..<size).map { ($0 * 5) % 7 }
    let expected = (0..<size).flatMap { Array(repeating: $0, count: counts[$0]) }
    let mine = Array(repeating: rank, count: counts[rank])
    let gathered = try exchanged(mine, into: Array(repeating: -1, count: expected.count)) {
      // The layout's last name goes away before the operation is waited for.
      let request = try communicator.iAllGatherV($0, into: $1, try BlockLayout(counts: counts))
      for _ in 0..<100 { _ = try BlockLayout(counts: Array(repeating: 1000, count: size)) }
      try request.wait()
    }
    expectEqual(gathered, expected, "blocks")

    let layout = try BlockLayout(counts: counts)
    var own = [Int](repeating: -1, count: layout.extent)
    own.replaceSubrange(layout.range(of: rank), with: mine)
    try withBuffer(own) { buffer in
      try communicator.iAllGatherV(inPlace: buffer, layout).wait()
      expectEqual(Array(buffer), expected, "blocks in place")
    }
  },

  Check("test becomes true and wait then gives the status") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let (right, left) = ((rank + 1) % size, (rank + size - 1) % size)
    try withBuffer([Int32](repeating: -1, count: 8)) { destination in
      try withBuffer([Int32(rank), 5]) { source in
        var receive = try communicator.iReceive(into: destination, from: left, tag: 2)
        if size > 1 { expect(try !receive.test(), "nothing was sent yet to be received") }
        try communicator.barrier()
        let send = try communicator.iSend(UnsafeBufferPointer(source), to: right, tag: 2)
        while try !receive.test() {}
        expect(try receive.test(), "a second test")
        let status = try receive.wait()
        expectEqual(status.source, left, "source")
        expectEqual(status.count(of: Int32.self), 2, "count")
        expectEqual(Array(destination[..<3]), [Int32(left), 5, -1], "elements")
        try send.wait()
      }
    }
  },

  Check("many all-reduces in flight end with their own sums") { communicator in
    let (rank, size) = (communicator.rank, communicator.size)
    let (buckets, count) = (64, 257)
    try withBuffer([Float](repeating: 0, count: buckets * count)) { buffer in
      var requests = RequestSet()
      for bucket in 0..<buckets {
        let range = bucket * count..<(bucket + 1) * count
        for index in range {
          buffer[index] = Float(bucket + (index - range.lowerBound) * (rank + 1))
        }
        requests.insert(
          try communicator.iAllReduce(
            inPlace: UnsafeMutableBufferPointer(rebasing: buffer[range]), .sum),
          key: bucket)
      }
      expectEqual(requests.count, buckets, "in flight")
      var finished: [Int] = []
      while !requests.isEmpty { finished += try requests.testSome() }
      expectEqual(finished.sorted(), Array(0..<buckets), "each key once")
      let weights = size * (size + 1) / 2
      let wrong = (0..<buckets * count).first {
        buffer[$0] != Float($0 / count * size + $0 % count * weights)
      }
      expectEqual(wrong, nil, "first wrong element")
    }
  },

  Check("collectives on two communicators may be started in different orders") { communicator in
    // Gradients and statistics travel on separate communicators: their orders are independent.
    let other = try communicator.duplicate()
    let (rank, size) = (communicator.rank, communicator.size)
    try withBuffer([rank, 1]) { buffer in
      let first = UnsafeMutableBufferPointer(rebasing: buffer[..<1])
      let second = UnsafeMutableBufferPointer(rebasing: buffer[1...])
      var requests = RequestSet()
      if rank % 2 == 0 {
        requests.insert(try communicator.iAllReduce(inPlace: first, .sum))
        requests.insert(try other.iAllReduce(inPlace: second, .sum))
      } else {
        requests.insert(try other.iAllReduce(inPlace: second, .sum))
        requests.insert(try communicator.iAllReduce(inPlace: first, .sum))
      }
      try requests.waitAll()
      expectEqual(Array(buffer), [size * (size - 1) / 2, size], "sums")
    }
  },

  Check("a request set tells completions out of order", minimumRanks: 2) { communicator in
    // Rank 0 receives four messages which rank 1 sends last first, each when told to.
    let order = [3, 1, 0, 2]
    if communicator.rank == 0 {
      try withBuffer([Int](repeating: -1, count: 4)) { buffer in
        var requests = RequestSet()
        for key in 0..<4 {
          requests.insert(
            try communicator.iReceive(
              into: UnsafeMutableBufferPointer(rebasing: buffer[key..<key + 1]), from: 1, tag: key),
            key: key)
        }
        for (number, key) in order.enumerated() {
          try communicator.send([key], to: 1, tag: 9)
          if number % 2 == 0 {
            expectEqual(try requests.waitAny(), key, "completion \(number)")
          } else {
            var done: [Int] = []
            while done.isEmpty { done = try requests.testSome() }
            expectEqual(done, [key], "completion \(number)")
          }
          expectEqual(buffer[key], key * key, "message \(key)")
          expectEqual(requests.count, 3 - number, "left")
        }
        expectEqual(try requests.waitAny(), nil, "waitAny on an empty set")
      }
    } else if communicator.rank == 1 {
      for _ in order {
        let key = try communicator.receive(Int.self, from: 0, tag: 9)[0]
        try communicator.send([key * key], to: 0, tag: key)
      }
    }
  },

  Check("testAll says true only when all are done", minimumRanks: 2) { communicator in
    if communicator.rank == 0 {
      try withBuffer([0, 0]) { buffer in
        var requests = RequestSet()
        for key in 0..<2 {
          requests.insert(
            try communicator.iReceive(
              into: UnsafeMutableBufferPointer(rebasing: buffer[key..<key + 1]), from: 1, tag: key))
        }
        try communicator.send([0], to: 1, tag: 9)
        _ = try communicator.probe(from: 1, tag: 5)
        expect(try !requests.testAll(), "one message of two has come")
        try communicator.send([0], to: 1, tag: 9)
        while try !requests.testAll() {}
        expect(requests.isEmpty, "the set is empty")
        expectEqual(Array(buffer), [10, 11], "messages")
        _ = try communicator.receive(Int.self, from: 1, tag: 5)
      }
    } else if communicator.rank == 1 {
      _ = try communicator.receive(Int.self, from: 0, tag: 9)
      try communicator.send([10], to: 0, tag: 0)
      try communicator.send([0], to: 0, tag: 5)
      _ = try communicator.receive(Int.self, from: 0, tag: 9)
      try communicator.send([11], to: 0, tag: 1)
    }
  },

  Check("an empty request set is done") { _ in
    var requests = RequestSet()
    expect(try requests.testAll(), "testAll")
    expectEqual(try requests.testSome(), [], "testSome")
    try requests.waitAll()
  },

  Check("progress moves operations in flight along", minimumRanks: 2) { communicator in
    // The request itself is not tested until a message says that the partner has its data, which
    // for a long message needs both sides to progress.
    let count = 1 << 20
    let (rank, partner) = (communicator.rank, communicator.rank ^ 1)
    guard partner < communicator.size else { return }
    try withBuffer([Float](repeating: Float(rank), count: count)) { source in
      try withBuffer([Float](repeating: -1, count: count)) { destination in
        let receive = try communicator.iReceive(into: destination, from: partner, tag: 1)
        let send = try communicator.iSend(UnsafeBufferPointer(source), to: partner, tag: 1)
        let start = ContinuousClock.now
        while destination[count - 1] != Float(partner), ContinuousClock.now - start < .seconds(20) {
          try communicator.progress()
        }
        expectEqual(destination[count - 1], Float(partner), "arrived without test or wait")
        try receive.wait()
        try send.wait()
      }
    }
  },
]
