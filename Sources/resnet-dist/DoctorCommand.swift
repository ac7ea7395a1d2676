/// `resnet-dist doctor`: is this machine ready, and do images come fast enough?

import ArgumentParser
import Benchmarks
import Console
import Distributed
import Settings

struct DoctorCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check the machine, its ranks and threads, and whether images feed the network.",
    discussion: """
      Start it as the training run will be started; it takes some seconds:

        mpirun -n 8 resnet-dist doctor --model resnet50 \\
            --dataset image-folder --data-dir images
      """)

  @OptionGroup(title: NetworkSelection.title) var network: SettingOptions<NetworkSelection>
  @OptionGroup(title: TestImageSelection.title) var data: SettingOptions<TestImageSelection>
  @OptionGroup(title: PassSelection.title) var division: SettingOptions<PassSelection>

  func run(on ranks: ProcessGroup) throws {
    let configuration = try ranks.together {
      (try network.changes + data.changes + division.changes).applied(
        to: .init())
    }
    let text = try Doctor(configuration, ranks: ranks).examine()
    if ranks.isFirst { StandardConsole.output.writeLine(text) }
  }
}
