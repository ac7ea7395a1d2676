/// Sums over rows for each channel: short runs in Float, runs added up in Double.

/// Rows added in Float before the partial sums move on to Double: short enough that rounding stays
/// near one unit in the last place, long enough that the Double additions cost nothing.
private let rowsPerRun = 64

/// Two column sums at once: for each channel, Σ first(row) and Σ second(row).
///
/// The order of summation is fixed by `rows` and `channels`: rows in runs of 64, in order.
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
  forEachChannelGroup(
    channels,
    wide: { channel in
      var first = SIMD16<Double>.zero
      var second = SIMD16<Double>.zero
      var row = 0
      while row < rows {
        let end = min(row + rowsPerRun, rows)
        var firstRun = Vector.zero
        var secondRun = Vector.zero
        while row < end {
          let terms = wide(row * channels + channel, channel)
          firstRun += terms.0
          secondRun += terms.1
          row += 1
        }
        first += SIMD16<Double>(firstRun)
        second += SIMD16<Double>(secondRun)
      }
      UnsafeMutableRawPointer(sums + channel).storeBytes(of: first, as: SIMD16<Double>.self)
      UnsafeMutableRawPointer(sums + channels + channel)
        .storeBytes(of: second, as: SIMD16<Double>.self)
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
