/// The threads of one rank: a persistent team that runs independent tasks and waits for them all.

import CProcessor
import Glibc
import Synchronization
import System
import SystemPackage

/// A fixed set of threads for fork-join work inside one process.
///
/// Tasks are claimed in any order by any thread, so a task's result must not depend on which thread
/// ran it or when: callers give each task its own output, and combine outputs in a fixed order.
/// One thread means no thread is made and tasks run in place.
public final class ThreadTeam {
  /// Threads that work, the caller's included.
  public let threads: Int
  private let shared: SharedState
  private var workers: [WorkerThread] = []

  /// - Parameter threads: at least 1.
  public init(threads: Int) {
    precondition(threads >= 1, "a team has at least one thread")
    self.threads = threads
    shared = SharedState()
    for index in 1..<max(threads, 1) {
      do throws(Errno) {
        workers.append(try WorkerThread { [shared] in shared.serve(as: index) })
      } catch { fatalError("cannot start thread \(index): \(error)") }
    }
  }

  deinit {
    shared.stop()
    for worker in workers { worker.join() }
  }

  /// Runs `body(task, thread)` for each task in 0..<`tasks` and returns when all are done.
  ///
  /// `thread` is in 0..<`threads` and no two tasks run on one thread at a time: it names scratch
  /// memory. Not reentrant.
  public func run(tasks: Int, _ body: (_ task: Int, _ thread: Int) -> Void) {
    if threads == 1 || tasks <= 1 {
      for task in 0..<tasks { body(task, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      shared.run(tasks: tasks, helpers: threads - 1, body)
    }
  }
}

/// What the team's threads share; every field but the atomics is read and written under `lock` only.
///
/// A layer's passes follow each other within microseconds, so waiters spin briefly before blocking: waking
/// a thread takes longer than most waits.
private final class SharedState: @unchecked Sendable {
  private let lock = Lock()
  private let wake = Condition()
  private let done = Condition()
  private var body: ((Int, Int) -> Void)?
  private var tasks = 0
  private var nextTask = 0
  private var finishedTasks = 0
  private var helpersInside = 0
  private var round = 0
  private var stopping = false
  /// `round` and `finishedTasks` for threads that spin without the lock.
  private let visibleRound = Atomic<Int>(0)
  private let visiblyFinished = Atomic<Int>(0)

  /// Turns of spinning before blocking: some 20 µs.
  private static let spins = 1000

  func run(tasks: Int, helpers: Int, _ body: @escaping (Int, Int) -> Void) {
    lock.lock()
    self.body = body
    self.tasks = tasks
    nextTask = 0
    finishedTasks = 0
    round += 1
    visiblyFinished.store(0, ordering: .relaxed)
    visibleRound.store(round, ordering: .relaxed)
    wake.broadcast()
    work(as: 0, body)
    if finishedTasks < tasks {
      lock.unlock()
      spin { visiblyFinished.load(ordering: .relaxed) == tasks }
      lock.lock()
    }
    // A helper still inside `work` may hold the closure: wait for it too before the closure dies.
    while finishedTasks < tasks || helpersInside > 0 { done.wait(lock) }
    self.body = nil
    lock.unlock()
  }

  func serve(as thread: Int) {
    var seen = 0
    while true {
      spin { visibleRound.load(ordering: .relaxed) != seen }
      lock.lock()
      while round == seen && !stopping { wake.wait(lock) }
      if stopping {
        lock.unlock()
        return
      }
      seen = round
      if let body {
        helpersInside += 1
        work(as: thread, body)
        helpersInside -= 1
        done.signal()
      }
      lock.unlock()
    }
  }

  func stop() {
    lock.lock()
    stopping = true
    wake.broadcast()
    lock.unlock()
  }

  private func spin(until isDone: () -> Bool) {
    var turns = 0
    while turns < Self.spins && !isDone() {
      pause_briefly()
      turns += 1
    }
  }

  /// Claims and runs tasks until none is left; called and left with the lock held.
  private func work(as thread: Int, _ body: (Int, Int) -> Void) {
    while nextTask < tasks {
      let task = nextTask
      nextTask += 1
      lock.unlock()
      body(task, thread)
      lock.lock()
      finishedTasks += 1
      visiblyFinished.store(finishedTasks, ordering: .relaxed)
    }
  }
}
