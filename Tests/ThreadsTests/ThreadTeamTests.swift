/// The thread team: every task once, no two on a thread at a time.

import Synchronization
import Testing
import Threads

/// A counter that threads share.
private final class Counter: Sendable {
  private let count = Atomic(0)
  /// The count before.
  @discardableResult func add(_ amount: Int) -> Int {
    count.add(amount, ordering: .relaxed).oldValue
  }
  var value: Int { count.load(ordering: .relaxed) }
}

@Suite struct ThreadTeamTests {
  @Test("every task runs exactly once, round after round", arguments: [1, 2, 3, 4, 8])
  func everyTaskOnce(threads: Int) {
    let team = ThreadTeam(threads: threads)
    #expect(team.threads == threads)
    for tasks in [0, 1, 2, 3, 7, 8, 9, 64, 1000] {
      for _ in 0..<10 {
        let runs = (0..<tasks).map { _ in Counter() }
        team.run(tasks: tasks) { task, _ in runs[task].add(1) }
        #expect(runs.allSatisfy { $0.value == 1 }, "\(tasks) tasks")
      }
    }
  }

  @Test("a thread's number is in range and belongs to one task at a time", arguments: [1, 2, 4, 8])
  func threadNumbers(threads: Int) {
    let team = ThreadTeam(threads: threads)
    let busy = (0..<threads).map { _ in Counter() }
    let clashes = Counter()
    for _ in 0..<20 {
      team.run(tasks: 100) { task, thread in
        if !(0..<threads).contains(thread) || busy[thread].add(1) != 0 {
          clashes.add(1)
          return
        }
        var work = Double(task)
        for _ in 0..<200 { work = (work + 1).squareRoot() }
        if work < 0 { clashes.add(1) }
        busy[thread].add(-1)
      }
    }
    #expect(clashes.value == 0)
  }

  @Test("what the tasks wrote is there when the team returns", arguments: [2, 5])
  func visibility(threads: Int) {
    let team = ThreadTeam(threads: threads)
    let results = UnsafeMutablePointer<Int>.allocate(capacity: 64)
    defer { results.deallocate() }
    results.initialize(repeating: 0, count: 64)
    for round in 1...2000 {
      team.run(tasks: 64) { task, _ in results[task] += task + round }
    }
    for task in 0..<64 { #expect(results[task] == 2000 * task + 2000 * 2001 / 2) }
  }

  @Test("teams come and go, used or not")
  func lifetimes() {
    let runs = Counter()
    for round in 0..<50 {
      let team = ThreadTeam(threads: 1 + round % 4)
      if round % 3 > 0 { team.run(tasks: 5) { _, _ in runs.add(1) } }
    }
    #expect(runs.value == 33 * 5)
  }

  @Test("several teams work beside each other")
  func teamsBesideEachOther() async {
    await withTaskGroup(of: Int.self) { group in
      for threads in 1...4 {
        group.addTask {
          let team = ThreadTeam(threads: threads)
          let runs = Counter()
          for _ in 0..<100 { team.run(tasks: 10) { _, _ in runs.add(1) } }
          return runs.value
        }
      }
      for await runs in group { #expect(runs == 1000) }
    }
  }
}
