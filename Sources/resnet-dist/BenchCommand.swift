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
        mpirun -n 2 resnet-dist bench --model resnet50 --batch-size 32 --predict \
          --ranks 8,64,512 --latency 50us --bandwidth 10Gbit

      launch/bench-peers compares the same with PyTorch. With --data, the input pipeline alone:

        resnet-dist bench --data --dataset image-folder --data-dir images
      """)

  @OptionGroup(title: "Network") var network: ArchitectureFlags

  @Option(
    name: [.long, .customShort("b")],
    help: ArgumentHelp("The global mini-batch. (default: 128)", valueName: "N"))
  var batchSize: String?

  @Option(help: ArgumentHelp("Logical shards. (default: 8, or the ranks if more)", valueName: "N"))
  var shards: String?

  @Option(
    help: ArgumentHelp("Threads of each rank. (default: the cores by the ranks)", valueName: "N"))
  var threads: String?

  @OptionGroup(title: "Optimizer") var optimizer: SettingOptions<OptimizerSettings>

  @OptionGroup(title: "Communication") var communication: CommunicationFlags

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

  @OptionGroup(title: "Input pipeline") var pipeline: PipelineFlags

  @Flag(help: "Time each layer: the algorithm, milliseconds and GFLOP/s of both directions.")
  var layers = false

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    let counts = [
      ("--image-size", imageSize), ("--classes", classes), ("--steps", steps),
      ("--warm-up", warmUp),
    ]
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
    if pipeline.data, layers || scaling.predict {
      throw ValidationError("--data measures loading alone: leave out --layers and --predict")
    }
    if layers, json { throw ValidationError("--layers is a table for people: leave out --json") }
  }

  func run(on ranks: ProcessGroup) throws {
    let flags =
      (network.values + [
        ("batch-size", batchSize), ("shards", shards), ("threads", threads),
      ] + optimizer.values + communication.values).compactMap { key, value in
        value.map { (key: key, value: $0) }
      }
    if pipeline.data {
      let images =
        ([
          ("batch-size", batchSize), ("shards", shards), ("image-size", imageSize.map { "\($0)" }),
        ] + pipeline.values).compactMap { key, value in value.map { (key: key, value: $0) } }
      let result = try DataBenchmark(flags: images, seconds: seconds, ranks: ranks).measure()
      if ranks.isFirst { StandardConsole.output.writeLine(json ? result.json : result.text) }
      return
    }
    let options = BenchmarkRun.Options(
      imageSize: imageSize, classes: classes, steps: steps, seconds: seconds, warmUp: warmUp,
      layers: layers, emulatedLatency: injectLatency.flatMap(NetworkQuantity.latency),
      emulatedBandwidth: injectBandwidth.flatMap(NetworkQuantity.bandwidth))
    if let scenario = scaling.scenario {
      let table = try ScalingStudy(
        flags: flags, options: options, scenario: scenario, ranks: ranks
      ).predict()
      if ranks.isFirst { StandardConsole.output.writeLine(json ? table.json : table.text) }
      return
    }
    let run = try BenchmarkRun(flags: flags, options: options, ranks: ranks)
    let (result, table) = try run.measure()
    guard ranks.isFirst else { return }
    if let table { StandardConsole.output.writeLine(table.text + "\n") }
    StandardConsole.output.writeLine(json ? result.json : result.text)
  }
}
