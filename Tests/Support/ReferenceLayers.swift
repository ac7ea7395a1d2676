/// The layers between convolutions in Float64: naive loops, no cleverness.

import Foundation

/// max(x, 0).
public func referenceReLU(_ input: ReferenceImages) -> ReferenceImages {
  var output = input
  output.values = input.values.map { max($0, 0) }
  return output
}

/// The elementwise sum of two equal shapes.
public func referenceAdd(_ left: ReferenceImages, _ right: ReferenceImages) -> ReferenceImages {
  precondition(
    (left.images, left.height, left.width, left.channels)
      == (right.images, right.height, right.width, right.channels))
  var output = left
  output.values = zip(left.values, right.values).map(+)
  return output
}

/// Shortcut option A (He et al. 2015 §3.3): every `stride`-th row and column, zeros appended after
/// the channels.
///
/// - Parameter input: [N, H, W, C]
/// - Returns: [N, ⌈H/stride⌉, ⌈W/stride⌉, outputChannels]
public func referenceShortcutA(
  _ input: ReferenceImages, stride: Int, outputChannels: Int
) -> ReferenceImages {
  var output = ReferenceImages(
    images: input.images, height: (input.height + stride - 1) / stride,
    width: (input.width + stride - 1) / stride, channels: outputChannels)
  for n in 0..<output.images {
    for h in 0..<output.height {
      for w in 0..<output.width {
        for c in 0..<input.channels {
          output[n, h, w, c] = input[n, h * stride, w * stride, c]
        }
      }
    }
  }
  return output
}

/// Max pooling over kernel × kernel windows; padded positions never win.
///
/// - Parameter input: [N, H, W, C]
/// - Returns: [N, (H + 2·padding − kernel)/stride + 1, (W + 2·padding − kernel)/stride + 1, C]
public func referenceMaxPooling(
  _ input: ReferenceImages, kernel: Int, stride: Int, padding: Int
) -> ReferenceImages {
  var output = ReferenceImages(
    images: input.images, height: (input.height + 2 * padding - kernel) / stride + 1,
    width: (input.width + 2 * padding - kernel) / stride + 1, channels: input.channels)
  for n in 0..<output.images {
    for p in 0..<output.height {
      for q in 0..<output.width {
        for c in 0..<output.channels {
          var largest = -Double.infinity
          for r in 0..<kernel {
            for s in 0..<kernel {
              let h = p * stride + r - padding
              let w = q * stride + s - padding
              guard h >= 0, h < input.height, w >= 0, w < input.width else { continue }
              largest = max(largest, input[n, h, w, c])
            }
          }
          output[n, p, q, c] = largest
        }
      }
    }
  }
  return output
}

/// The mean over each window × window pixels, stride 1.
///
/// - Parameter input: [N, H, W, C]
/// - Returns: [N, H − window + 1, W − window + 1, C]
public func referenceAveragePooling(_ input: ReferenceImages, window: Int) -> ReferenceImages {
  var output = ReferenceImages(
    images: input.images, height: input.height - window + 1, width: input.width - window + 1,
    channels: input.channels)
  for n in 0..<output.images {
    for p in 0..<output.height {
      for q in 0..<output.width {
        for c in 0..<output.channels {
          var sum = 0.0
          for r in 0..<window {
            for s in 0..<window { sum += input[n, p + r, q + s, c] }
          }
          output[n, p, q, c] = sum / Double(window * window)
        }
      }
    }
  }
  return output
}

/// The mean over H and W.
///
/// - Parameter input: [N, H, W, C]
/// - Returns: [N, 1, 1, C]
public func referenceGlobalAveragePooling(_ input: ReferenceImages) -> ReferenceImages {
  var output = ReferenceImages(
    images: input.images, height: 1, width: 1, channels: input.channels)
  for n in 0..<input.images {
    for c in 0..<input.channels {
      var sum = 0.0
      for h in 0..<input.height {
        for w in 0..<input.width { sum += input[n, h, w, c] }
      }
      output[n, 0, 0, c] = sum / Double(input.height * input.width)
    }
  }
  return output
}

/// A fully connected layer: y[n,k] = Σ x[n,c] · weights[c,k] + bias[k].
///
/// - Parameters:
///   - input: [N, C], row-major
///   - weights: [C, K], row-major (input × output, the transpose of PyTorch's)
///   - bias: [K]
/// - Returns: [N, K]
public func referenceFullyConnected(
  _ input: [Double], images: Int, weights: [Double], bias: [Double]
) -> [Double] {
  let outputs = bias.count
  let inputs = input.count / images
  precondition(input.count == images * inputs && weights.count == inputs * outputs)
  var output: [Double] = []
  for n in 0..<images {
    for k in 0..<outputs {
      var sum = bias[k]
      for c in 0..<inputs { sum += input[n * inputs + c] * weights[c * outputs + k] }
      output.append(sum)
    }
  }
  return output
}

/// Softmax cross-entropy: Σ (log Σ exp logits[n,·] − logits[n, label n]) / count.
///
/// - Parameters:
///   - logits: [N, K], row-major
///   - labels: [N], each in 0..<K
///   - count: what the sum is divided by: of a shard, the images of the whole mini-batch; N, if
///     not given.
public func referenceCrossEntropy(
  logits: [Double], labels: [Int], count: Int? = nil, labelSmoothing: Double = 0
) -> Double {
  let classes = logits.count / labels.count
  precondition(logits.count == labels.count * classes)
  var sum = 0.0
  for (n, label) in labels.enumerated() {
    let row = logits[n * classes..<(n + 1) * classes]
    let largest = row.max()!
    let total = row.reduce(0) { $0 + exp($1 - largest) }
    for (k, logit) in row.enumerated() {
      let target = (k == label ? 1 - labelSmoothing : 0) + labelSmoothing / Double(classes)
      sum += target * (largest + log(total) - logit)
    }
  }
  return sum / Double(count ?? labels.count)
}
