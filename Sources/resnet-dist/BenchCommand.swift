/// `resnet-dist bench`: how fast the training step is, or the input pipeline.

import ArgumentParser
import Benchmarks
import Console
import Distributed
import Settings

struct BenchCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the training step on made-up images in memory.",
    discussion: """
      Forward, backward, the exchanges with the other ranks and the update, without reading images:

        mpirun -n 2 resnet-dist bench --model resnet56
        resnet-dist bench --model resnet50 --batch-size 16 --layers
        mpirun -n 2 resnet-dist bench --model resnet50 --batch-size 32 \\
            --predict --ranks 8,64,512 --latency 50us --bandwidth 10Gbit

      launch/bench-peers compares the same with PyTorch. With --data, the input pipeline alone:

        resnet-dist bench --data --dataset image-folder --data-dir images
      """)

  @OptionGroup(title: ArchitectureSelection.title)
  var network: SettingOptions<ArchitectureSelection>

  @OptionGroup(title: StepSelection.title) var division: SettingOptions<StepSelection>

  @OptionGroup(title: UpdateSelection.title) var optimizer: SettingOptions<UpdateSelection>

  @Option(
    help: ArgumentHelp(
      "Side of the images. (default: 224 for ImageNet's networks, 32 for the others)",
      valueName: "pixels"))
  var imageSize: Int?

  @Option(help: ArgumentHelp("Classes. (default: 1000 or 10)", valueName: "N"))
  var classes: Int?

  @Option(help: ArgumentHelp("Timed steps, instead of --seconds.", valueName: "N"))
  var steps: Int?

  @Option(help: ArgumentHelp("How long to time, 3 steps at least.", valueName: "S"))
  var seconds = 10.0

  @Option(help: ArgumentHelp("Steps before the timing.", valueName: "N"))
  var warmUp = 3

  @Option(
    help: ArgumentHelp(
      "Treat each rank as a host of its own, and delay what they send as a network of this latency "
        + "would.", valueName: "50us"))
  var injectLatency: String?

  @Option(
    help: ArgumentHelp(
      "The same with a network of this bandwidth.", valueName: "10Gbit"))
  var injectBandwidth: String?

  @OptionGroup(title: "Prediction") var scaling: ScalingFlags

  @Flag(
    help: ArgumentHelp(
      "Measure reading, decoding and augmentation alone, of the images that --dataset and --data-dir "
        + "name, at --image-size."))
  var data = false

  @OptionGroup(title: PipelineSelection.title) var pipeline: SettingOptions<PipelineSelection>

  @Flag(help: "Time each layer: the algorithm, milliseconds and GFLOP/s of both directions.")
  var layers = false

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    let sides = DataSettings.sides
    if let imageSize, !sides.contains(imageSize) {
      throw ValidationError(
        "--image-size is a number from \(sides.lowerBound) to \(sides.upperBound), not \(imageSize)"
      )
    }
    let counts = [("--classes", classes), ("--steps", steps), ("--warm-up", warmUp)]
    for (flag, value) in counts {
      if let value, !(1...100_000).contains(value) {
        throw ValidationError("\(flag) is a number from 1 to 100000, not \(value)")
      }
    }
    if !(seconds > 0 && seconds <= 86_400) {
      throw ValidationError("--seconds is between 0 and 86400, not \(seconds)")
    }
    if let injectLatency, NetworkQuantity.latency(injectLatency) == nil {
      throw ValidationError(
        "--inject-latency \(injectLatency): expected \(NetworkQuantity.latencyExample)")
    }
    if let injectBandwidth, NetworkQuantity.bandwidth(injectBandwidth) == nil {
      throw ValidationError(
        "--inject-bandwidth \(injectBandwidth): expected \(NetworkQuantity.bandwidthExample)")
    }
    if layers, scaling.predict {
      throw ValidationError("--layers and --predict are two measurements: use one at a time")
    }
    if !data, let flag = pipeline.givenFlags.first {
      throw ValidationError("\(flag) is about the input pipeline: use it with --data")
    }
    if data, layers || scaling.predict {
      throw ValidationError("--data measures loading alone: leave out --layers and --predict")
    }
    if layers, json { throw ValidationError("--layers is a table for people: leave out --json") }
  }

  func run(on ranks: ProcessGroup) throws {
    var configuration = try ranks.together {
      (try network.changes + division.changes + optimizer.changes + pipeline.changes)
        .applied(to: .init())
    }
    if data {
      configuration.data.imageSize = imageSize
      let result = try DataBenchmark(configuration, seconds: seconds, ranks: ranks).measure()
      try ranks.onFirst {
        try StandardConsole.output.writeResultLine(json ? result.json : result.text)
      }
      return
    }
    let options = BenchmarkRun.Options(
      imageSize: imageSize, classes: classes, steps: steps, seconds: seconds, warmUp: warmUp,
      layers: layers, emulatedLatency: injectLatency.flatMap(NetworkQuantity.latency),
      emulatedBandwidth: injectBandwidth.flatMap(NetworkQuantity.bandwidth))
    if let scenario = scaling.scenario {
      let table = try ScalingStudy(
        configuration, options: options, scenario: scenario, ranks: ranks
      ).predict()
      try ranks.onFirst {
        try StandardConsole.output.writeResultLine(json ? table.json : table.text)
      }
      return
    }
    let run = try BenchmarkRun(configuration, options: options, ranks: ranks)
    let (result, table) = try run.measure()
    try ranks.onFirst {
      if let table { try StandardConsole.output.writeResultLine(table.text + "\n") }
      try StandardConsole.output.writeResultLine(json ? result.json : result.text)
    }
  }
}
