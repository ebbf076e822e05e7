import RuntimeCommand

// Everything is in the library, where tests reach it.
OCIRuntime.main()
