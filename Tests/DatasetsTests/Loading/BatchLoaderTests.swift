/// Tests of the prefetching loader: what it hands out depends on positions alone.

import Datasets
import Testing

@Suite struct BatchLoaderTests {
  private static let normalization = Normalization(
    mean: .perChannel([0.1, 0.2, 0.3]), deviation: [0.5, 0.6, 0.7])

  /// All batches' pixels and labels for one rank.
  private func batches(
    _ source: any ImageSource, order: SampleOrder, transform: ImageTransform = .none,
    batchSize: Int, range: Range<Int>, steps: Range<Int>, workers: Int
  ) throws -> [(pixels: [Float], labels: [Int32])] {
    let loader = BatchLoader(
      source: source, normalization: Self.normalization, transform: transform, order: order,
      batchSize: batchSize, localRange: range, steps: steps, workers: workers)
    var result: [(pixels: [Float], labels: [Int32])] = []
    while let batch = try loader.withNext({ batch in
      (
        pixels: Array(
          UnsafeBufferPointer(
            start: batch.pixels.base, count: batch.count * source.imageShape!.count)),
        labels: Array(batch.labels)
      )
    }) {
      result.append(batch)
    }
    return result
  }

  @Test("sequential batches show every image once, in order, the last batch short")
  func sequential() throws {
    let source = NumberedImages(count: 43)
    let found = try batches(
      source, order: .sequential, batchSize: 16, range: 0..<16, steps: 0..<3, workers: 2)
    #expect(found.map(\.labels.count) == [16, 16, 11])
    #expect(found.flatMap(\.labels) == (0..<43).map { Int32($0 % 7) })
    let pixels = found.flatMap(\.pixels)
    let size = source.imageShape!.count
    let mean: [Float] = [0.1, 0.2, 0.3]
    let deviation: [Float] = [0.5, 0.6, 0.7]
    for image in 0..<43 {
      for place in 0..<size {
        let byte = Float(NumberedImages.byte(image, place))
        let expected = (byte / 255 - mean[place % 3]) / deviation[place % 3]
        #expect(abs(pixels[image * size + place] - expected) < 1e-5)
      }
    }
  }

  @Test("workers change nothing", arguments: [2, 3, 5])
  func workers(count: Int) throws {
    let source = NumberedImages(count: 100)
    func load(_ workers: Int) throws -> [Float] {
      try batches(
        source, order: .shuffled(seed: 3), transform: ImageTransform(padding: 2, flip: true),
        batchSize: 48, range: 0..<48, steps: 0..<9, workers: workers
      ).flatMap(\.pixels)
    }
    #expect(try load(count) == load(1))
  }

  @Test("the ranks' parts put together are the whole batch, also over an epoch's end")
  func ranks() throws {
    let source = NumberedImages(count: 70)
    func load(_ range: Range<Int>) throws -> [(pixels: [Float], labels: [Int32])] {
      try batches(
        source, order: .shuffled(seed: 8), transform: ImageTransform(padding: 1, flip: true),
        batchSize: 32, range: range, steps: 2..<8, workers: 2)
    }
    let whole = try load(0..<32)
    let parts = try [0..<11, 11..<12, 12..<32].map(load)
    for step in whole.indices {
      #expect(parts.flatMap { $0[step].pixels } == whole[step].pixels)
      #expect(parts.flatMap { $0[step].labels } == whole[step].labels)
    }
  }

  @Test("over whole epochs every image comes equally often, without short batches")
  func everyImageOncePerEpoch() throws {
    let source = NumberedImages(count: 30)
    // Five epochs of 30 in batches of 25: six full batches.
    let found = try batches(
      source, order: .shuffled(seed: 1), batchSize: 25, range: 0..<25, steps: 0..<6, workers: 2)
    #expect(found.allSatisfy { $0.labels.count == 25 })
    var seen: [[Float]: Int] = [:]
    let size = source.imageShape!.count
    for batch in found {
      for image in 0..<25 {
        seen[Array(batch.pixels[image * size..<(image + 1) * size]), default: 0] += 1
      }
    }
    #expect(seen.count == 30 && seen.values.allSatisfy { $0 == 5 })
  }

  @Test("a run continued at a step gets the batches that it would have got")
  func continued() throws {
    let source = NumberedImages(count: 50)
    func load(_ steps: Range<Int>) throws -> [[Float]] {
      try batches(
        source, order: .shuffled(seed: 4), transform: ImageTransform(padding: 2, flip: true),
        batchSize: 16, range: 4..<12, steps: steps, workers: 1
      ).map(\.pixels)
    }
    #expect(try Array(load(0..<10)[6...]) == load(6..<10))
  }

  @Test("an unreadable image is thrown where its batch is due, and again after that")
  func failure() throws {
    let loader = BatchLoader(
      source: NumberedImages(count: 64, unreadable: 37), normalization: Self.normalization,
      transform: .none, order: .sequential, batchSize: 16, localRange: 0..<16, steps: 0..<4,
      workers: 3)
    for _ in 0..<2 { #expect(try loader.withNext(\.count) == 16) }
    for _ in 0..<2 {
      #expect(throws: Unreadable(index: 37)) { try loader.withNext(\.count) }
    }
  }

  @Test("a loader can be dropped at any moment", arguments: 0..<5)
  func dropped(after batches: Int) throws {
    for workers in 1...3 {
      let loader = BatchLoader(
        source: NumberedImages(count: 1000), normalization: Self.normalization,
        transform: .none, order: .shuffled(seed: 1), batchSize: 64, localRange: 0..<64,
        steps: 0..<1000, workers: workers)
      for _ in 0..<batches { _ = try loader.withNext(\.count) }
    }
  }

  @Test("no steps, no batches")
  func empty() throws {
    let found = try batches(
      NumberedImages(count: 10), order: .shuffled(seed: 1), batchSize: 4, range: 0..<4,
      steps: 5..<5, workers: 1)
    #expect(found.isEmpty)
  }
}
