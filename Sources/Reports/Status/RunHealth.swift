/// Whether a run is alive, from its status file and its lock.

import Foundation
import System

package enum RunHealth: Equatable, Sendable {
  /// Its folder says nothing of it yet.
  case unknown
  case running
  /// No news for so many seconds: it hangs, or its host does.
  case silent(seconds: Double)
  /// Its process is gone without having said so.
  case died
  case stopped
  case failed
  case finished

  /// - Parameters:
  ///   - isAlive: whether its process holds the run's lock; nil: it is on another host, so nobody knows.
  ///   - now: seconds since 1970.
  package init(_ status: RunStatus?, isAlive: Bool?, now: Double) {
    guard let status else {
      self = .unknown
      return
    }
    switch status.state {
    case .finished: self = .finished
    case .stopped: self = .stopped
    case .failed: self = .failed
    case .starting, .training, .evaluating:
      let silence = now - status.updateTime
      if isAlive == false {
        self = .died
      } else if silence > status.patienceSeconds {
        self = .silent(seconds: silence)
      } else {
        self = .running
      }
    }
  }

  /// Whether news may be expected.
  package var isOpen: Bool {
    switch self {
    case .running, .silent: true
    case .unknown, .died, .stopped, .failed, .finished: false
    }
  }
}
