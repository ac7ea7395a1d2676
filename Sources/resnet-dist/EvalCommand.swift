/// `resnet-dist eval`: test a trained network.

import ArgumentParser
import Training

struct EvalCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a network on the test images, each exactly once.",
    discussion: """
      Weights from a run bring their model, data set and normalization along; for a plain \
      .safetensors file name them:

        resnet-dist eval --weights runs/…
        resnet-dist eval --model resnet20 --weights resnet20.safetensors --dataset image-folder \\
            --data-dir images/test --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
      """)

  @OptionGroup(title: "Network") var network: NetworkFlags
  @OptionGroup(title: "Images") var data: DataFlags
  @OptionGroup(title: "Division of the work") var running: RunningFlags

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func validate() throws {
    if network.weights == nil {
      throw ValidationError(
        "eval needs --weights: a run folder, a checkpoint or a .safetensors file")
    }
  }

  func run(on ranks: Ranks) throws {
    let flags = (network.values + data.values + running.values)
      .compactMap { key, value in value.map { (key: key, value: $0) } }
    let run = try EvaluationRun(
      flags: flags, weights: network.weights!, ranks: ranks,
      // The JSON object stands alone on stdout.
      console: json ? StandardConsole.error : StandardConsole.output)
    let result = try run.evaluate()
    guard ranks.isFirst else { return }
    StandardConsole.output.writeLine(json ? result.json : result.text)
  }
}
