/// The progress engine: what makes communication advance while a rank computes or waits.

import MPI

/// Communication that takes several messages, one after the other, in the course of a step.
package protocol PendingCommunication: AnyObject {
  /// Takes the steps whose messages have arrived, and begins the messages that follow. Never waits.
  func advance() throws
}

/// Advances all pending communication of a rank: the progress engine, as `opal_progress` is Open MPI's.
///
/// Neither MPI nor a reduction has a thread of its own here, so gradients move only while someone calls
/// `poll`. Whoever waits calls it; so does the training step after each exchange of statistics, when a
/// layer's computation follows and hides the messages.
///
/// - Important: `poll` may begin messages. It must not be called while statistics are on their way
///   between hosts: a gradient message begun then would share the link with numbers that all ranks wait
///   for. Code that waits for such numbers calls `deliver` instead, or nothing.
package final class CommunicationProgress {
  /// Weak, because what is registered holds the progress that its own waits poll.
  private struct Member {
    weak var communication: (any PendingCommunication)?
  }

  private let communicator: Communicator
  private var members: [Member] = []

  /// - Parameter communicator: any; MPI works on the operations of all.
  package init(_ communicator: Communicator) { self.communicator = communicator }

  /// From now on `communication` advances at each `poll`, as long as it lives.
  package func register(_ communication: any PendingCommunication) {
    members.removeAll { $0.communication == nil }
    members.append(Member(communication: communication))
  }

  /// Advances everything that is registered; begins messages, never waits.
  package func poll() throws {
    for member in members { try member.communication?.advance() }
  }

  /// Lets MPI deliver the messages that have been begun; begins none, never waits.
  package func deliver() throws { try communicator.progress() }
}
