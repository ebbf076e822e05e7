import CLI

Berth.main(CommandLine.arguments)
