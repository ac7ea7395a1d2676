/// Passes over rows of channels: sums for each channel (short runs in Float, runs added up in Double)
/// and element by element.
///
/// A pass is a type rather than a closure: the compiler then specializes the loop for it instead of
/// calling it for each vector.

/// Two terms for each element of [rows, channels].
protocol ChannelTerms {
  /// The terms of the element at `offset`, of channel `channel`, and of those after it that `L` covers.
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L)
}

/// Rows added in Float before the partial sums move on to Double: short enough that rounding stays
/// near one unit in the last place, long enough that the Double additions cost nothing.
private let rowsPerRun = 64

/// Two column sums at once: for each channel, Σ of the first terms and Σ of the second ones.
///
/// The order of summation is fixed by `rows` and `channels`. Four vectors of channels are summed side
/// by side (whole cache lines in a row, four independent chains); a single vector takes four rows at
/// a time instead.
/// - Parameter sums: [2, channels]; overwritten.
func sumChannels<Pass: ChannelTerms>(
  rows: Int, channels: Int, into sums: UnsafeMutablePointer<Double>, _ pass: Pass
) {
  var channel = 0
  while channel + 4 * Vector.lanes <= channels {
    sumFourVectors(pass, rows: rows, channels: channels, channel, into: sums)
    channel += 4 * Vector.lanes
  }
  while channel + Vector.lanes <= channels {
    sumVector(pass, rows: rows, channels: channels, channel, into: sums)
    channel += Vector.lanes
  }
  while channel < channels {
    sumChannel(pass, rows: rows, channels: channels, channel, into: sums)
    channel += 1
  }
}

private func sumFourVectors<Pass: ChannelTerms>(
  _ pass: Pass, rows: Int, channels: Int, _ channel: Int, into sums: UnsafeMutablePointer<Double>
) {
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
        let terms: (Vector, Vector) = pass.terms(row * channels + at, at)
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
}

private func sumVector<Pass: ChannelTerms>(
  _ pass: Pass, rows: Int, channels: Int, _ channel: Int, into sums: UnsafeMutablePointer<Double>
) {
  var first = SIMD16<Double>.zero
  var second = SIMD16<Double>.zero
  var row = 0
  while row < rows {
    let end = min(row + rowsPerRun, rows)
    var firstRun = InlineArray<4, Vector>(repeating: .zero)
    var secondRun = InlineArray<4, Vector>(repeating: .zero)
    while row + 4 <= end {
      for part in 0..<4 {
        let terms: (Vector, Vector) = pass.terms((row + part) * channels + channel, channel)
        firstRun[part] += terms.0
        secondRun[part] += terms.1
      }
      row += 4
    }
    while row < end {
      let terms: (Vector, Vector) = pass.terms(row * channels + channel, channel)
      firstRun[0] += terms.0
      secondRun[0] += terms.1
      row += 1
    }
    first += SIMD16<Double>((firstRun[0] + firstRun[1]) + (firstRun[2] + firstRun[3]))
    second += SIMD16<Double>((secondRun[0] + secondRun[1]) + (secondRun[2] + secondRun[3]))
  }
  store(first, sums + channel)
  store(second, sums + channels + channel)
}

private func sumChannel<Pass: ChannelTerms>(
  _ pass: Pass, rows: Int, channels: Int, _ channel: Int, into sums: UnsafeMutablePointer<Double>
) {
  var first = 0.0
  var second = 0.0
  var row = 0
  while row < rows {
    let end = min(row + rowsPerRun, rows)
    var firstRun: Float = 0
    var secondRun: Float = 0
    while row < end {
      let terms: (Float, Float) = pass.terms(row * channels + channel, channel)
      firstRun += terms.0
      secondRun += terms.1
      row += 1
    }
    first += Double(firstRun)
    second += Double(secondRun)
  }
  sums[channel] = first
  sums[channels + channel] = second
}

@inline(__always)
private func store(_ values: SIMD16<Double>, _ target: UnsafeMutablePointer<Double>) {
  UnsafeMutableRawPointer(target).storeBytes(of: values, as: SIMD16<Double>.self)
}

/// What happens to each element of [rows, channels].
protocol ChannelPass {
  /// Processes the element at `offset`, of channel `channel`, and those after it that `L` covers.
  func run<L: Lanes>(_ offset: Int, _ channel: Int, _ lanes: L.Type)
}

/// Runs `pass` over [rows, channels], row by row for four vectors of channels at a time.
func forEachRow<Pass: ChannelPass>(rows: Int, channels: Int, _ pass: Pass) {
  var channel = 0
  while channel + 4 * Vector.lanes <= channels {
    for row in 0..<rows {
      for part in 0..<4 {
        let at = channel + part * Vector.lanes
        pass.run(row * channels + at, at, Vector.self)
      }
    }
    channel += 4 * Vector.lanes
  }
  while channel + Vector.lanes <= channels {
    for row in 0..<rows { pass.run(row * channels + channel, channel, Vector.self) }
    channel += Vector.lanes
  }
  while channel < channels {
    for row in 0..<rows { pass.run(row * channels + channel, channel, Float.self) }
    channel += 1
  }
}
