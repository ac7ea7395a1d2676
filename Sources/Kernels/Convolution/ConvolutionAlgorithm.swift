/// The interface of convolution algorithms.

import Tensors

/// One algorithm for one geometry.
///
/// Input [N, H, W, C], output [N, P, Q, K] and weights [R, S, C/G, K] of any alignment;
/// `ReferenceConvolution` has the definition and the letters. Weights and their gradients are Float; images
/// and their gradients are of one element type, the one that the algorithm was chosen for. Of bfloat16 each
/// value is rounded once, after its whole sum. A result may be no memory of an operand or of
/// scratch. 2·N·`multiplyAdds` FLOPs a pass in direct form.
///
/// Images of a pass may be divided into calls at will: outputs and input gradients do not depend on the
/// division. Weight gradients are summed over images in the order of
/// the calls, so callers keep one order and one division for one result.
public protocol ConvolutionAlgorithm: Sendable {
  var geometry: ConvolutionGeometry { get }

  /// The algorithm's name in layer tables.
  var name: String { get }

  /// The largest error of an element of a result, relative to the largest element, that operands of
  /// normal distribution may show.
  var relativeErrorBound: Double { get }

  /// Floats of weights in the form that a pass multiplies with, the same for both directions; 0 of an
  /// algorithm whose passes take the weights as they are.
  var preparedWeightCount: Int { get }

  /// Whether the weights are streamed from memory rather than held in a cache: call the passes with as
  /// many images as there are, to amortize the traffic.
  var streamsWeights: Bool { get }

  /// Brings weights into the form that `forward` takes.
  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>)

  /// Brings weights into the form that `backwardData` takes.
  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>)

  /// Scratch floats of one thread for `forward` and `backwardData` of up to `images` images.
  func scratchCount(images: Int) -> Int

  /// output = input ∗ weights.
  ///
  /// - Parameter weights: from `prepareForward`.
  func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>)

  /// inputGradient (+)= outputGradient ∗ᵀ weights.
  ///
  /// - Parameter weights: from `prepareBackwardData`.
  func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>)

  /// Scratch floats of one thread for a weight gradient of calls of up to `images` images.
  func weightScratchCount(images: Int) -> Int

  /// Adds the weight gradient of these images to the sum that `weightGradient` and `scratch`
  /// carry from call to call.
  ///
  /// - Parameters:
  ///   - weightGradient: [R, S, C/G, K]; holds the sum after the last call.
  ///   - isFirst: start a new sum.
  ///   - isLast: complete the sum.
  func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>)
}

/// For algorithms that take the weights as they are.
extension ConvolutionAlgorithm {
  public var preparedWeightCount: Int { 0 }

  public func prepareForward(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {}

  public func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {}
}

extension ConvolutionAlgorithm {
  public var relativeErrorBound: Double { geometry.directErrorBound }

  public var streamsWeights: Bool { preparedWeightCount > ReproducibleBlocking.residentWeights }
}

extension ConvolutionGeometry {
  /// The error bound of plain sums: rounding grows with the root of their length, to 2e-6 at 1,100
  /// products that add up to about 1.
  var directErrorBound: Double { 2e-6 * max(1, Double(patchCount) / 1100).squareRoot() }
}
