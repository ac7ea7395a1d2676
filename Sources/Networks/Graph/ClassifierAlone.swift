/// The classifier of a network as a network of its own: what is left to compute where the rest is frozen
/// and what it makes of the images is known.

import Tensors

extension Architecture {
  /// The node that the classifier reads.
  private var featureNode: Int { scores.inputs[0] }

  /// What the classifier reads of an image.
  package var features: ImageShape { nodes[featureNode].shape }

  /// Whether the classifier is the one layer that is trained.
  package var trainsClassifierAlone: Bool {
    nodes.allSatisfy { node in
      node.operation.parameters(of: inputShapes(of: node)).isEmpty
        || frozen.contains(node.name) != (node.name == scores.name)
    }
  }

  /// The network with what the classifier reads as its last output.
  package var withFeatures: Architecture { adding(outputs: [featureNode]) }

  /// The classifier and the losses under their names, on images that are the network's features.
  ///
  /// - Precondition: the losses read the scores.
  package var classifierAlone: Architecture {
    var builder = ArchitectureBuilder(input: features)
    var places = [featureNode: builder.input]
    for (index, node) in nodes.enumerated()
    where index == outputs[0] || node.operation is any Loss {
      places[index] = builder.append(
        node.name, node.operation,
        node.inputs.map { input in
          guard let place = places[input] else {
            preconditionFailure("\(node.name) reads more than the scores")
          }
          return place
        })
    }
    return builder.architecture(
      name: name, summary: "the classifier of \(summary)", outputs: [places[outputs[0]]!])
  }
}
