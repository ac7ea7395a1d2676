/// The command `resnet-dist` and its subcommands.

import ArgumentParser

struct ResnetDist: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resnet-dist",
    abstract: "Trains residual networks on CPUs, on one machine or many, with the same bits on any "
      + "number of processes.",
    discussion: """
      Start it under mpirun, one process ("rank") per core or per few cores:

        # ResNet-20 on Fashion-MNIST, 5 epochs
        mpirun -n 2 resnet-dist

        # the CIFAR-10 run of He et al. 2015; get the images first
        resnet-dist data fetch cifar10
        mpirun -n 8 resnet-dist --recipe he2015-cifar --model resnet56 \\
            --run-dir runs/r56

        # resume it after an interruption, on 4 ranks now; test the network
        mpirun -n 4 resnet-dist --resume runs/r56
        resnet-dist eval --weights runs/r56

        # measure the training step
        mpirun -n 2 resnet-dist bench

      --batch-size is the mini-batch of all ranks together, as in the papers, so the number of ranks \
      changes how long a run takes and nothing else: parameters come out bit for bit the same.
      """,
    version: VersionText.text,
    subcommands: [
      TrainCommand.self, RecipesCommand.self, SweepCommand.self, JobCommand.self, TopCommand.self,
      ReportCommand.self,
      EvalCommand.self, PredictCommand.self, ResponsesCommand.self,
      BNRecalibrateCommand.self, DetectCommand.self,
      BenchCommand.self,
      InspectCommand.self, ExportCommand.self, DataCommand.self, DoctorCommand.self,
      ManualCommand.self,
    ],
    defaultSubcommand: TrainCommand.self)
}
