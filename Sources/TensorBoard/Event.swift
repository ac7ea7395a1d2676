/// What an event file holds: the messages of TensorBoard's `event.proto` and `summary.proto` that a run's
/// curves need (https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto).

import Protobuf

/// An event at one time of one run.
package struct Event: Sendable {
  /// A point of the curve called `tag`; a slash in a tag puts curves into a group.
  package struct Scalar: Equatable, Sendable {
    package let tag: String
    package let value: Float

    package init(_ tag: String, _ value: Double) {
      self.tag = tag
      self.value = Float(value)
    }
  }

  package enum Content: Sendable {
    /// The first event of each file.
    case version
    /// The program begins or resumes: points of the event's step and later that earlier files have are void.
    case sessionStart
    case scalars([Scalar])
  }

  /// Seconds since 1970.
  package let wallTime: Double
  package let step: Int
  package let content: Content

  package init(_ content: Content, step: Int = 0, wallTime: Double) {
    self.content = content
    self.step = step
    self.wallTime = wallTime
  }

  /// The event as a record of a file.
  package var record: [UInt8] { TFRecord.bytes(message.bytes) }

  private var message: ProtobufWriter {
    var event = ProtobufWriter()
    event.double(1, wallTime)
    // As every protobuf writer, TensorBoard's leaves zeros out.
    if step != 0 { event.integer(2, Int64(step)) }
    switch content {
    case .version: event.string(3, "brain.Event:2")
    case .sessionStart: event.message(7) { $0.integer(1, 1) }
    case .scalars(let scalars):
      event.message(5) { summary in
        for scalar in scalars {
          summary.message(1) {
            $0.string(1, scalar.tag)
            $0.float(2, scalar.value)
          }
        }
      }
    }
    return event
  }
}
