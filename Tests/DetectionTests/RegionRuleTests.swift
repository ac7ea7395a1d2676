/// Matching, sampling, box codes and targets.

import Detection
import Randomness
import Tensors
import TestSupport
import Testing

@Suite struct RegionRuleTests {
  private static let anchors = MatchingRule(foreground: 0.7, background: 0.3, keepsBest: true)

  @Test(
    "an object's best box is foreground, what overlaps little is background, between them is neither"
  )
  func matching() {
    let object = TargetObject(box: SIMD4(0, 0, 10, 10), label: 1)
    let boxes: [SIMD4<Float>] = [
      SIMD4(0, 0, 10, 8), SIMD4(0, 0, 10, 5), SIMD4(0, 0, 10, 2), SIMD4(50, 50, 60, 60),
      SIMD4(0, 0, 8, 10),
    ]
    #expect(
      Self.anchors.matches(boxes, [object]) == [
        0, Match.neither, Match.background, Match.background, 0,
      ])
    #expect(
      Self.anchors.matches(Array(boxes[1...2]), [object]) == [0, Match.background])
    #expect(Self.anchors.matches(boxes, []) == boxes.map { _ in Match.background })
    // An object that no box overlaps has no best one.
    let far = TargetObject(box: SIMD4(200, 200, 210, 210), label: 1)
    #expect(Self.anchors.matches(boxes, [far]).allSatisfy { $0 == Match.background })
  }

  @Test("what lies in a crowd is neither an object nor background")
  func crowds() {
    let crowd = TargetObject(box: SIMD4(0, 0, 100, 100), label: 1, isCrowd: true)
    let boxes: [SIMD4<Float>] = [
      SIMD4(0, 0, 100, 100), SIMD4(10, 10, 20, 20), SIMD4(95, 0, 115, 10), SIMD4(200, 0, 210, 10),
    ]
    #expect(
      Self.anchors.matches(boxes, [crowd]) == [
        Match.neither, Match.neither, Match.background, Match.background,
      ])
  }

  @Test("samples have their share of foreground, no box twice, and depend on the key alone")
  func sampling() {
    let rule = SamplingRule(count: 64, foregroundShare: 0.25)
    let matches = (0..<1000).map { index -> Int32 in
      index % 10 == 0 ? 3 : index % 10 == 1 ? Match.neither : Match.background
    }
    func sample(_ index: Int) -> [Int] {
      rule.sample(matches, CounterStream(seed: 7, purpose: .regionSampling, index: index))
    }
    let first = sample(1)
    #expect(first.count == 64 && Set(first).count == 64)
    #expect(first.prefix(16).allSatisfy { matches[$0] == 3 })
    #expect(first.dropFirst(16).allSatisfy { matches[$0] == Match.background })
    #expect(sample(1) == first && sample(2) != first)
    // Every candidate is as likely as another.
    var counts = [Int](repeating: 0, count: matches.count)
    for index in 0..<2000 { for place in sample(index) { counts[place] += 1 } }
    let foreground = stride(from: 0, to: 1000, by: 10).map { counts[$0] }
    #expect(foreground.min()! > 240 && foreground.max()! < 400, "\(foreground)")
    // With few candidates all are taken.
    let few = SamplingRule(count: 64, foregroundShare: 0.5)
      .sample(
        [0, Match.background, Match.neither],
        CounterStream(seed: 1, purpose: .anchorSampling, index: 0))
    #expect(few == [0, 1])
  }

  @Test("a decoded code is the box again, and a huge one ends at 62.5 times the reference")
  func coding() {
    var data = TestData(seed: 4)
    let coder = BoxCoder(weights: SIMD4(10, 10, 5, 5))
    for _ in 0..<100 {
      func box() -> SIMD4<Float> {
        let values = data.uniform(count: 4, from: 1, to: 100).map { Float($0) }
        return SIMD4(values[0], values[1], values[0] + values[2], values[1] + values[3])
      }
      let (own, reference) = (box(), box())
      let again = coder.decode(coder.encode(own, relativeTo: reference), relativeTo: reference)
      let error = (0..<4).map { abs(again[$0] - own[$0]) }.max()!
      #expect(error < 1e-3, "\(data)")
    }
    let long = BoxCoder().decode(SIMD4(0, 0, 1000, .infinity), relativeTo: SIMD4(0, 0, 1, 1))
    #expect(abs(long[2] - long[0] - 62.5) < 1e-4 && abs(long[3] - long[1] - 62.5) < 1e-4)
  }

  @Test("images are resized by the shorter side, unless the longer one would be too long")
  func scale() {
    let scale = ImageScale(shortSide: 600, longSide: 1000)
    func resized(_ height: Int, _ width: Int) -> [Int] {
      let shape = scale.resized(ImageShape(height: height, width: width, channels: 3))
      return [shape.height, shape.width]
    }
    #expect(resized(480, 640) == [600, 800])
    #expect(resized(640, 480) == [800, 600])
    #expect(resized(300, 1200) == [250, 1000])
    #expect(resized(10, 5000) == [Detector.leastSide, 1000])
    #expect(scale.largest == ImageShape(height: 600, width: 1000, channels: 3))
  }
}
