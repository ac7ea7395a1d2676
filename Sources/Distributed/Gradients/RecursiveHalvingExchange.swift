/// The sum of a bucket over 2^k hosts by recursive halving and doubling.

import Kernels
import MPI
import Networks
import Tensors

/// Recursive halving, then recursive doubling, nearest hosts first.
///
/// For 2^k hosts that hold neighbouring nodes of equal height of a perfect tree. At distance 1, 2, 4 …
/// each of a pair of hosts sends one half of what it still holds and adds the other's half to its
/// own; the sums are the tree's, since a + b = b + a. Then the halves come back in the opposite order.
/// A host sends and receives 2·(1 − 2⁻ᵏ) times the segment in 2k messages (Thakur, Rabenseifner and Gropp
/// 2005, section 4.5).
final class RecursiveHalvingExchange: BucketExchange {
  /// What happens at one distance.
  private struct Step {
    let partner: Int
    /// The half that this host continues with, and the partner's.
    let kept: Range<Int>
    let given: Range<Int>
    /// Where the partner's half of `kept` arrives.
    let scratch: MutableVectorView<Float>
  }

  private let messages: GradientMessages
  private let values: MutableVectorView<Float>
  private let firstTag: Int
  private let steps: [Step]
  private let network: EmulatedNetwork?
  /// Messages exchanged: `steps.count` halvings, then as many doublings.
  private var done = 0
  /// When an emulated network has delivered the present message.
  private var arrival = 0.0

  /// Tags that an exchange between `hosts` hosts needs.
  static func tags(hosts: Int) -> Int { 2 * hosts.trailingZeroBitCount }

  /// Floats of scratch for a segment of `count` elements: what is kept at each distance, rounded up.
  static func scratchCount(hosts: Int, segment count: Int) -> Int {
    count + hosts.trailingZeroBitCount
  }

  /// - Parameters:
  ///   - owners: the rank on each host that sums this segment.
  ///   - host: this rank's index in `owners`.
  ///   - values: the host's node, from the weights region's start on.
  ///   - segment: elements to sum.
  ///   - scratch: `scratchCount` floats.
  init(
    _ communicator: Communicator, owners: [Int], host: Int, values: MutableVectorView<Float>,
    segment: Range<Int>, scratch: MutableVectorView<Float>, firstTag: Int,
    compression: GradientCompression, network: EmulatedNetwork?
  ) {
    messages = GradientMessages(communicator, compression, capacity: segment.count + 1)
    self.network = network
    self.values = values
    self.firstTag = firstTag
    var steps: [Step] = []
    var held = segment
    var free = 0
    var distance = 1
    while distance < owners.count {
      let middle = held.lowerBound + held.count / 2
      let halves = (held.lowerBound..<middle, middle..<held.upperBound)
      let keepsLower = host & distance == 0
      let (kept, given) = keepsLower ? halves : (halves.1, halves.0)
      steps.append(
        Step(
          partner: owners[host ^ distance], kept: kept, given: given,
          scratch: scratch[free..<free + kept.count]))
      free += kept.count
      held = kept
      distance *= 2
    }
    self.steps = steps
  }

  func start() throws {
    done = 0
    try send()
  }

  /// Starts the exchange with the next partner.
  private func send() throws {
    let halves = done < steps.count
    let step = steps[halves ? done : 2 * steps.count - 1 - done]
    let (out, into) =
      halves ? (step.given, step.scratch) : (step.kept, values[step.given])
    try messages.receive(into: into, from: step.partner, tag: firstTag + done)
    try messages.send(VectorView(values[out]), to: step.partner, tag: firstTag + done)
    arrival = network?.arrival(bytes: messages.bytes(out.count)) ?? 0
  }

  func advance() throws -> Bool {
    while done < 2 * steps.count {
      guard try messages.testAll(), network.hasDelivered(arrival) else { return false }
      if done < steps.count {
        let step = steps[done]
        let target = values[step.kept]
        Elementwise.add(VectorView(step.scratch), to: target)
        if done == steps.count - 1 { messages.round(target) }
      }
      done += 1
      if done < 2 * steps.count { try send() }
    }
    return true
  }

  var missingRank: Int? {
    guard done < 2 * steps.count else { return nil }
    return steps[done < steps.count ? done : 2 * steps.count - 1 - done].partner
  }
}
