/// Convolution in plain loops: what every other algorithm computes. Read it first.

import Tensors

/// The definition, for reading and as an oracle of the tests; no network runs it.
///
/// The alphabet of all kernels, in which a lower-case letter counts up to its capital:
///   - N images; H rows and W columns of C input channels; P rows and Q columns of K output channels;
///   - filters of R rows and S columns; G groups, so that output channel k sees the C/G input channels
///     of group ⌊k·G/K⌋.
///
/// Memory is NHWC: x [N, H, W, C], y [N, P, Q, K]; weights w are [R, S, C/G, K]. With
/// h = p·stride + r − padding, w = q·stride + s − padding and zeros outside the image:
///   forward:           y[n, p, q, k]  = Σ over r, s, c of  x[n, h, w, c] · w[r, s, c, k]
///   backward-data:     dx[n, h, w, c] = Σ over p, q, k of dy[n, p, q, k] · w[r, s, c, k]
///   backward-weights:  dw[r, s, c, k] = Σ over n, p, q of  x[n, h, w, c] · dy[n, p, q, k]
/// All three run over the same triples of elements: each product of the forward pass is the product of
/// two of them, added to the third, and so are its derivatives.
public struct ReferenceConvolution: ConvolutionAlgorithm {
  public let geometry: ConvolutionGeometry

  public init(_ geometry: ConvolutionGeometry) { self.geometry = geometry }

  public var name: String { "reference" }

  /// Calls `body` with the offsets of the elements x, w and y of each product, sums of y innermost.
  private func forEachProduct(images: Int, _ body: (_ x: Int, _ w: Int, _ y: Int) -> Void) {
    let (input, output) = (geometry.input, geometry.output)
    let groupInputs = geometry.channelsPerGroup
    let groupOutputs = output.channels / geometry.groups
    for n in 0..<images {
      for p in 0..<output.height {
        for q in 0..<output.width {
          for k in 0..<output.channels {
            let y = ((n * output.height + p) * output.width + q) * output.channels + k
            for r in 0..<geometry.kernelHeight {
              for s in 0..<geometry.kernelWidth {
                let h = p * geometry.stride + r - geometry.padding
                let w = q * geometry.stride + s - geometry.padding
                guard h >= 0, h < input.height, w >= 0, w < input.width else { continue }
                let pixel = (n * input.height + h) * input.width + w
                let position = r * geometry.kernelWidth + s
                for c in 0..<groupInputs {
                  body(
                    pixel * input.channels + k / groupOutputs * groupInputs + c,
                    (position * groupInputs + c) * output.channels + k, y)
                }
              }
            }
          }
        }
      }
    }
  }

  public func scratchCount(images: Int) -> Int { 0 }

  public func forward(
    input: ImageTensor, weights: UnsafePointer<Float>, output: ImageTensor,
    scratch: UnsafeMutablePointer<Float>
  ) {
    output.base.update(repeating: 0, count: output.count)
    forEachProduct(images: input.images) { x, w, y in
      output.base[y] += input.base[x] * weights[w]
    }
  }

  public func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    forEachProduct(images: outputGradient.images) { x, w, y in
      inputGradient.base[x] += outputGradient.base[y] * weights[w]
    }
  }

  public func weightScratchCount(images: Int) -> Int { 0 }

  public func addWeightGradient(
    input: ImageTensor, outputGradient: ImageTensor,
    into weightGradient: UnsafeMutablePointer<Float>, isFirst: Bool, isLast: Bool,
    scratch: UnsafeMutablePointer<Float>
  ) {
    if isFirst { weightGradient.update(repeating: 0, count: geometry.weightCount) }
    forEachProduct(images: input.images) { x, w, y in
      weightGradient[w] += input.base[x] * outputGradient.base[y]
    }
  }
}
