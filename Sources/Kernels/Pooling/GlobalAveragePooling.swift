/// Global average pooling: each channel's mean over the image.

import Tensors

public enum GlobalAveragePooling {
  /// output[n, c] = mean over h, w of input[n, h, w, c], in Float, pixels in order of memory.
  public static func forward(_ input: ImageTensor, output: ImageTensor) {
    let channels = input.channels
    let area = input.shape.area
    let scale = 1 / Float(area)
    for image in 0..<input.images {
      let x = UnsafePointer(input.base + image * area * channels)
      let y = output.base + image * channels
      forEachChannelGroup(
        channels,
        wide: { channel in
          var sum = Vector.zero
          for pixel in 0..<area { sum += x.vector(at: pixel * channels + channel) }
          y.store(sum * scale, at: channel)
        },
        narrow: { channel in
          var sum: Float = 0
          for pixel in 0..<area { sum += x[pixel * channels + channel] }
          y[channel] = sum * scale
        })
    }
  }

  /// inputGradient[n, h, w, c] (+)= outputGradient[n, c] / (H·W).
  public static func backward(
    outputGradient: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    let channels = inputGradient.channels
    let area = inputGradient.shape.area
    let scale = 1 / Float(area)
    if !accumulate { inputGradient.base.update(repeating: 0, count: inputGradient.count) }
    for image in 0..<inputGradient.images {
      let dy = UnsafePointer(outputGradient.base + image * channels)
      let dx = inputGradient.base + image * area * channels
      forEachChannelGroup(
        channels,
        wide: { channel in
          let share = dy.vector(at: channel) * scale
          for pixel in 0..<area {
            let index = pixel * channels + channel
            dx.store(dx.vector(at: index) + share, at: index)
          }
        },
        narrow: { channel in
          let share = dy[channel] * scale
          for pixel in 0..<area { dx[pixel * channels + channel] += share }
        })
    }
  }
}
