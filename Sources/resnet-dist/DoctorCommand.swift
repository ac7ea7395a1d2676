/// `resnet-dist doctor`: is this machine ready, and do images come fast enough?

import ArgumentParser
import Benchmarks
import Console
import Distributed

struct DoctorCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check the machine, its ranks and threads, and whether images feed the network.",
    discussion: """
      Start it as the training run will be started; it takes some seconds:

        mpirun -n 8 resnet-dist doctor --model resnet50 --dataset image-folder --data-dir images
      """)

  @OptionGroup(title: "Network") var network: NetworkFlags
  @OptionGroup(title: "Images") var data: DataFlags
  @OptionGroup(title: "Division of the work") var running: RunningFlags

  func run(on ranks: ProcessGroup) throws {
    let flags = (network.values + data.values + running.values)
      .compactMap { key, value in value.map { (key: key, value: $0) } }
    let text = try Doctor(flags: flags, ranks: ranks).examine()
    if ranks.isFirst { StandardConsole.output.writeLine(text) }
  }
}
