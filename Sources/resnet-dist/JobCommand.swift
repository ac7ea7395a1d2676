/// `resnet-dist job`: a script for a cluster's batch system.

import ArgumentParser
import Console
import Jobs
import Settings

struct JobCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "job",
    abstract: "Print a script that trains as a batch job, or a Kubernetes manifest.",
    usage: "resnet-dist job --scheduler <name> [<options>] -- [<train options>]",
    discussion: """
      The job saves before its time is over or when it is preempted, queues itself again and resumes, until the \
      run is finished; its parameters are those of an undisturbed run. What follows -- is checked here, \
      before anything waits in a queue.

        # 4 nodes of 32 cores under Slurm; then: sbatch r50.sbatch
        resnet-dist job --scheduler slurm --nodes 4 --ranks-per-node 8 \\
            --threads 4 --time 4:00:00 --name r50 -- --model resnet50 \\
            --data-dir images --shards 128 -b 256 > r50.sbatch

        # the runs of a sweep as a job array
        resnet-dist job --scheduler slurm --ranks-per-node 8 -- \\
            sweep table6.yaml > table6.sbatch
      """)

  @Option(help: "slurm, pbs, lsf or kubernetes (an MPIJob of Kubeflow).")
  var scheduler: JobRequest.Scheduler

  @Option(help: ArgumentHelp("Nodes, on Kubernetes worker pods.", valueName: "N"))
  var nodes = 1

  @Option(help: ArgumentHelp("Ranks of each node.", valueName: "N"))
  var ranksPerNode = 1

  @Option(help: ArgumentHelp("Threads and cores of each rank.", valueName: "N"))
  var threads = 1

  @Option(
    help: ArgumentHelp(
      "The job's limit, such as 4:00:00, 90m or 2d. (default: the queue's)", valueName: "time"))
  var time: String?

  @Option(help: "The job's name, and the run's folder below runs/.")
  var name = "resnet-dist"

  @Option(
    name: [.customLong("queue"), .customLong("partition")],
    help: ArgumentHelp("The queue or partition.", valueName: "name"))
  var queue: String?

  @Option(help: ArgumentHelp("The account or project that pays.", valueName: "name"))
  var account: String?

  @Option(help: ArgumentHelp("Memory of each node, such as 64G.", valueName: "size"))
  var memory: String?

  @Option(help: "With Slurm: mpirun or srun, which needs its PMIx plugin.")
  var launcher = JobRequest.Launcher.mpirun

  @Option(
    help: ArgumentHelp(
      "Run in this Apptainer file; on Kubernetes, the pods' image.", valueName: "image"))
  var container: String?

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("What the job runs: options of train, or a sweep.", valueName: "arguments"))
  var arguments: [String] = []

  func validate() throws {
    for (flag, value, range) in [
      ("--nodes", nodes, 1...100_000), ("--ranks-per-node", ranksPerNode, 1...1024),
      ("--threads", threads, 1...1024),
    ] where !range.contains(value) {
      throw ValidationError("\(flag) \(value): expected a number from 1 to \(range.upperBound)")
    }
    if let time, TimeText.seconds(time).map({ $0 >= JobRequest.leastSeconds }) != true {
      throw ValidationError(
        "--time \(time): expected at least \(JobRequest.leastSeconds / 60) minutes, some of them for "
          + "saving, such as 4:00:00, 90m or 2d")
    }
  }

  func runAlone() throws {
    var request = JobRequest(scheduler)
    request.name = name
    (request.nodes, request.ranksPerNode, request.threads) = (nodes, ranksPerNode, threads)
    request.seconds = time.flatMap(TimeText.seconds)
    (request.queue, request.account, request.memory) = (queue, account, memory)
    (request.launcher, request.container) = (launcher, container)
    try StandardConsole.output.writeResult(request.running(arguments).text())
  }
}

extension JobRequest.Scheduler: ExpressibleByArgument {}
extension JobRequest.Launcher: ExpressibleByArgument {}
