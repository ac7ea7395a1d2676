/// Which neighbouring operations run as one pass over memory: a decision of the plan.

import Kernels

/// One executable step of a plan: an operation, or a normalization with what follows it.
struct FusedOperation {
  /// The operation's node; for a normalization the BN node itself.
  let node: Int
  /// Nodes whose values are read, the normalization's addend last.
  let inputs: [Int]
  /// The node whose value is written: the last of the fused ones.
  let output: Int
  /// What a normalization does beyond normalizing.
  let epilogue: BatchNormalization.Epilogue
}

extension [FusedOperation] {
  /// By node: the operations that read its value, in order, and as which of their inputs.
  func readers(nodeCount: Int) -> [[(operation: Int, position: Int)]] {
    var readers = [[(operation: Int, position: Int)]](repeating: [], count: nodeCount)
    for (index, operation) in enumerated() {
      for (position, input) in operation.inputs.enumerated() {
        readers[input].append((index, position))
      }
    }
    return readers
  }
}

enum Fusion {
  /// The architecture's operations in execution order; BN takes in the addition and the ReLU that
  /// alone consume it.
  ///
  /// - Parameter enabled: false keeps every operation a step of its own (for tests).
  static func operations(_ architecture: Architecture, enabled: Bool = true) -> [FusedOperation] {
    let nodes = architecture.nodes
    var consumers = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for input in node.inputs { consumers[input].append(index) }
    }
    /// The single consumer of `node` if it is of the kind `operation`.
    func soleConsumer(of node: Int, _ operation: Architecture.Operation) -> Int? {
      guard enabled, consumers[node].count == 1, nodes[consumers[node][0]].operation == operation
      else { return nil }
      return consumers[node][0]
    }

    var fused: Set<Int> = []
    var steps: [Int: FusedOperation] = [:]  // by the node that ends the step
    // Backwards, so that of two normalizations that meet in an addition the later one takes it in:
    // by then the other's value exists.
    for (index, node) in nodes.enumerated().reversed() where node.operation == .batchNormalization {
      var inputs = node.inputs
      var output = index
      var epilogue: BatchNormalization.Epilogue = []
      if let add = soleConsumer(of: output, .add), !fused.contains(add) {
        inputs += nodes[add].inputs.filter { $0 != output }
        output = add
        epilogue.insert(.add)
        fused.insert(add)
      }
      if let relu = soleConsumer(of: output, .relu) {
        output = relu
        epilogue.insert(.relu)
        fused.insert(relu)
      }
      fused.insert(index)
      steps[output] = FusedOperation(
        node: index, inputs: inputs, output: output, epilogue: epilogue)
    }
    for (index, node) in nodes.enumerated() where !fused.contains(index) && index > 0 {
      steps[index] = FusedOperation(
        node: index, inputs: node.inputs, output: index, epilogue: [])
    }
    return steps.sorted { $0.key < $1.key }.map(\.value)
  }
}
