import OrderedCollections

extension Service {
    /// The service in canonical form: long forms, absolute paths, keys in alphabetical order.
    func render() -> Tree {
        var result: OrderedTree = [:]
        renderProcess(into: &result)
        renderIdentity(into: &result)
        renderNetwork(into: &result)
        renderStorage(into: &result)
        renderIsolation(into: &result)
        resources.render(into: &result)
        if let deploy { result["deploy"] = deploy.render() }
        if let logging { result["logging"] = logging.render() }
        if let develop { result["develop"] = develop }
        return .map(result.sortedByKey())
    }

    private func renderProcess(into result: inout OrderedTree) {
        result.set("image", image)
        if let build { result["build"] = build.render() }
        result.set("platform", platform)
        result.set("pull_policy", pullPolicy?.word)
        // Null is "the image's own", an empty list is "none": both are worth seeing.
        result["command"] = command.map(Tree.strings) ?? .null
        result["entrypoint"] = entrypoint.map(Tree.strings) ?? .null
        result.set("environment", nonEmpty: .map(environment.sortedByKey().mapValues { $0.map(Tree.string) ?? .null }))
        result.set("working_dir", workingDirectory)
        result.set("user", user)
        result.set("group_add", groupAdd)
        if tty { result.set("tty", true) }
        if stdinOpen { result.set("stdin_open", true) }
        result.set("init", initProcess)
        result.set("stop_signal", stopSignal)
        result.set("stop_grace_period", stopGracePeriod)
        if let healthcheck { result["healthcheck"] = healthcheck.render() }
        result.set("restart", restart)
        result.set("post_start", nonEmpty: .list(postStart.map { $0.render() }))
        result.set("pre_stop", nonEmpty: .list(preStop.map { $0.render() }))
        result.set("pre_start", nonEmpty: .list(preStart.map { $0.render() }))
    }

    private func renderIdentity(into result: inout OrderedTree) {
        result.set("container_name", containerName)
        result.set("hostname", hostname)
        result.set("domainname", domainname)
        result.set("labels", labels)
        result.set("annotations", annotations)
        result.set("profiles", profiles)
        result.set("scale", scale)
        if !attach { result.set("attach", false) }
        result.set("depends_on", nonEmpty: .map(dependsOn.sortedByKey().mapValues { $0.render() }))
        result.set("links", links)
        result.set("external_links", externalLinks)
        result.set("volumes_from", volumesFrom)
    }

    private func renderNetwork(into result: inout OrderedTree) {
        result.set("networks", nonEmpty: .map(networks.sortedByKey().mapValues { $0.render() }))
        result.set("network_mode", networkMode)
        result.set("ports", nonEmpty: .list(ports.map { $0.render() }))
        result.set("expose", expose)
        result.set("dns", dns)
        result.set("dns_opt", dnsOptions)
        result.set("dns_search", dnsSearch)
        result.set("extra_hosts", extraHosts.map { "\($0.host)=\($0.address)" })
        result.set("mac_address", macAddress)
    }

    private func renderStorage(into result: inout OrderedTree) {
        result.set("volumes", nonEmpty: .list(volumes.map { $0.render() }))
        result.set("tmpfs", tmpfs)
        result.set("devices", nonEmpty: .list(devices.map { $0.render() }))
        result.set("device_cgroup_rules", deviceCgroupRules)
        result.set("secrets", nonEmpty: .list(secrets.map { $0.render() }))
        result.set("configs", nonEmpty: .list(configs.map { $0.render() }))
        if readOnly { result.set("read_only", true) }
    }

    private func renderIsolation(into result: inout OrderedTree) {
        if privileged { result.set("privileged", true) }
        result.set("cap_add", capAdd)
        result.set("cap_drop", capDrop)
        result.set("security_opt", securityOpt)
        result.set("userns_mode", usernsMode)
        result.set("uts", uts)
        result.set("ipc", ipc)
        result.set("pid", pid)
        result.set("cgroup", cgroup)
        result.set("cgroup_parent", cgroupParent)
        result.set("runtime", runtime)
        result.set("sysctls", sysctls)
        result.set("isolation", isolation)
    }
}
