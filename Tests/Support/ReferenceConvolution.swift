/// Convolution in Float64, as seven nested loops.

/// A convolution without bias, in fact a cross-correlation as in every framework:
/// y[n,p,q,k] = Σ x[n, p·stride + r − padding, q·stride + s − padding, c] · weights[r,s,c,k].
///
/// - Parameters:
///   - input: [N, H, W, C]
///   - weights: [R, S, C/groups, K], row-major; output channel k belongs to group k / (K/groups).
///   - filter: R and S
///   - outputChannels: K
/// - Returns: [N, (H + 2·padding − R)/stride + 1, (W + 2·padding − S)/stride + 1, K]
public func referenceConvolution(
  _ input: ReferenceImages, weights: [Double], filter: (rows: Int, columns: Int),
  outputChannels: Int, stride: Int, padding: Int, groups: Int = 1
) -> ReferenceImages {
  let groupInputs = input.channels / groups
  let groupOutputs = outputChannels / groups
  precondition(weights.count == filter.rows * filter.columns * groupInputs * outputChannels)
  var output = ReferenceImages(
    images: input.images, height: (input.height + 2 * padding - filter.rows) / stride + 1,
    width: (input.width + 2 * padding - filter.columns) / stride + 1, channels: outputChannels)
  for n in 0..<output.images {
    for p in 0..<output.height {
      for q in 0..<output.width {
        for k in 0..<outputChannels {
          var sum = 0.0
          for r in 0..<filter.rows {
            for s in 0..<filter.columns {
              let h = p * stride + r - padding
              let w = q * stride + s - padding
              guard h >= 0, h < input.height, w >= 0, w < input.width else { continue }
              for c in 0..<groupInputs {
                let weight = ((r * filter.columns + s) * groupInputs + c) * outputChannels + k
                sum += input[n, h, w, k / groupOutputs * groupInputs + c] * weights[weight]
              }
            }
          }
          output[n, p, q, k] = sum
        }
      }
    }
  }
  return output
}

/// Weights from PyTorch's order [K, C, R, S] to the order of this project's layers, [R, S, C, K].
public func filtersFromOIHW<Element>(_ weights: [Element], shape: [Int]) -> [Element] {
  precondition(shape.count == 4 && weights.count == shape.reduce(1, *))
  let (outputs, inputs, rows, columns) = (shape[0], shape[1], shape[2], shape[3])
  var result = weights
  for k in 0..<outputs {
    for c in 0..<inputs {
      for r in 0..<rows {
        for s in 0..<columns {
          result[((r * columns + s) * inputs + c) * outputs + k] =
            weights[((k * inputs + c) * rows + r) * columns + s]
        }
      }
    }
  }
  return result
}

/// Images from PyTorch's order [N, C, H, W] to [N, H, W, C].
public func imagesFromNCHW<Element>(_ values: [Element], shape: [Int]) -> [Element] {
  precondition(shape.count == 4 && values.count == shape.reduce(1, *))
  let (images, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
  var result = values
  for n in 0..<images {
    for c in 0..<channels {
      for h in 0..<height {
        for w in 0..<width {
          result[((n * height + h) * width + w) * channels + c] =
            values[((n * channels + c) * height + h) * width + w]
        }
      }
    }
  }
  return result
}
