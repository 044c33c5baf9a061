def agent_data(wildcards):
    """The stores of an agent's data set: the logged rows, and what is generated if there is any."""
    inputs = {
        "store": data_of("/empirical/store")(wildcards),
        "manifest": data_of("/empirical/manifest.json")(wildcards),
    }
    if wildcards.dynamics != "none":
        augmented = data_of("/augmented/{dynamics}")(wildcards)
        inputs["augmented_store"] = augmented + "/store"
        inputs["augmented_manifest"] = augmented + "/manifest.json"
        selection = data_of("/datasets/{distribution}/{dynamics}/selection.safetensors")
        inputs["selection"] = selection(wildcards)
    return inputs


rule train_offline_agent:
    input:
        unpack(agent_data),
    output:
        policy=RUN + "/policy.safetensors",
        snapshots=RUN + "/snapshots.safetensors",
        card=RUN + "/card.json",
        provenance=RUN + "/provenance.json",
    params:
        settings=settings_of("train_offline_agent"),
        code=code_of("train_offline_agent"),
    log:
        "logs/{domain}/{scale}/train_offline_agent/{agent}/{distribution}/{dynamics}/seed_{seed}.log",
    threads: 1
    resources:
        mem_mb=6000,
        runtime=1440,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/train_offline_agent.py"
