/// Sums over rows for each channel: short runs in Float, runs added up in Double.

/// Rows added in Float before the partial sums move on to Double: short enough that rounding stays
/// near one unit in the last place, long enough that the Double additions cost nothing.
private let rowsPerRun = 64

/// Two column sums at once: for each channel, Σ first(row) and Σ second(row).
///
/// The order of summation is fixed by `rows` and `channels`. Four vectors of channels are summed side
/// by side (whole cache lines in a row, four independent chains); a single vector takes four rows at
/// a time instead.
/// - Parameters:
///   - wide: both terms for sixteen channels at element `offset`, of channel `channel` on.
///   - narrow: both terms for one channel.
///   - sums: [2, channels]; overwritten.
@inline(__always)
func sumChannels(
  rows: Int, channels: Int, into sums: UnsafeMutablePointer<Double>,
  wide: (_ offset: Int, _ channel: Int) -> (Vector, Vector),
  narrow: (_ offset: Int, _ channel: Int) -> (Float, Float)
) {
  forEachChannelSpan(
    channels,
    four: { channel in
      var first = InlineArray<4, SIMD16<Double>>(repeating: .zero)
      var second = InlineArray<4, SIMD16<Double>>(repeating: .zero)
      var row = 0
      while row < rows {
        let end = min(row + rowsPerRun, rows)
        var firstRun = InlineArray<4, Vector>(repeating: .zero)
        var secondRun = InlineArray<4, Vector>(repeating: .zero)
        while row < end {
          for part in 0..<4 {
            let at = channel + part * Vector.lanes
            let terms = wide(row * channels + at, at)
            firstRun[part] += terms.0
            secondRun[part] += terms.1
          }
          row += 1
        }
        for part in 0..<4 {
          first[part] += SIMD16<Double>(firstRun[part])
          second[part] += SIMD16<Double>(secondRun[part])
        }
      }
      for part in 0..<4 {
        store(first[part], sums + channel + part * Vector.lanes)
        store(second[part], sums + channels + channel + part * Vector.lanes)
      }
    },
    one: { channel in
      var first = SIMD16<Double>.zero
      var second = SIMD16<Double>.zero
      var row = 0
      while row < rows {
        let end = min(row + rowsPerRun, rows)
        var firstRun = InlineArray<4, Vector>(repeating: .zero)
        var secondRun = InlineArray<4, Vector>(repeating: .zero)
        while row + 4 <= end {
          for part in 0..<4 {
            let terms = wide((row + part) * channels + channel, channel)
            firstRun[part] += terms.0
            secondRun[part] += terms.1
          }
          row += 4
        }
        while row < end {
          let terms = wide(row * channels + channel, channel)
          firstRun[0] += terms.0
          secondRun[0] += terms.1
          row += 1
        }
        first += SIMD16<Double>((firstRun[0] + firstRun[1]) + (firstRun[2] + firstRun[3]))
        second += SIMD16<Double>((secondRun[0] + secondRun[1]) + (secondRun[2] + secondRun[3]))
      }
      store(first, sums + channel)
      store(second, sums + channels + channel)
    },
    narrow: { channel in
      var first = 0.0
      var second = 0.0
      var row = 0
      while row < rows {
        let end = min(row + rowsPerRun, rows)
        var firstRun: Float = 0
        var secondRun: Float = 0
        while row < end {
          let terms = narrow(row * channels + channel, channel)
          firstRun += terms.0
          secondRun += terms.1
          row += 1
        }
        first += Double(firstRun)
        second += Double(secondRun)
      }
      sums[channel] = first
      sums[channels + channel] = second
    })
}

@inline(__always)
private func store(_ values: SIMD16<Double>, _ target: UnsafeMutablePointer<Double>) {
  UnsafeMutableRawPointer(target).storeBytes(of: values, as: SIMD16<Double>.self)
}

/// Calls `wide` for each sixteen elements of [rows, channels] and `narrow` for those left over, row by
/// row for four vectors of channels at a time.
@inline(__always)
func forEachRowVector(
  rows: Int, channels: Int, wide: (_ offset: Int, _ channel: Int) -> Void,
  narrow: (_ offset: Int, _ channel: Int) -> Void
) {
  forEachChannelSpan(
    channels,
    four: { channel in
      for row in 0..<rows {
        for part in 0..<4 {
          let at = channel + part * Vector.lanes
          wide(row * channels + at, at)
        }
      }
    },
    one: { channel in
      for row in 0..<rows { wide(row * channels + channel, channel) }
    },
    narrow: { channel in
      for row in 0..<rows { narrow(row * channels + channel, channel) }
    })
}
