"""Scores → tables, figures and the report: one rule for each registered view.

Which there are, what each is made from and where it stands in the report is declared with it.
Of a single model the first one is shown: first recipe and lowest seed of each backbone.
"""

for name, entry in jobs.tables.items():

    rule:
        name:
            f"tabulate_{name}"
        input:
            jobs.table_inputs(name),
        output:
            **(PATHS.table(name) | {"csv": shown(PATHS.table(name)["csv"], "Tables", "table")}),
        log:
            PATHS.log(f"tabulate_{name}"),
        benchmark:
            PATHS.benchmark(f"tabulate_{name}")
        conda:
            "../../envs/cpu.yaml"
        resources:
            mem_mb=scaled(2000, per_gb=20_000),
            runtime=scaled(20),
        params:
            job=jobs.tabulating(name),
        message:
            f"Tabulate {name}"
        script:
            "../../scripts/tabulate_scores.py"


for name, entry in jobs.figures.items():
    files = PATHS.figure(name, entry.declared["scope"])
    place = Path(files["png"]).stem.removeprefix(name).removeprefix("_")

    rule:
        name:
            f"plot_{name}"
        input:
            unpack(inputs_of_figure(name)),
        output:
            **(files | {"png": shown(files["png"], entry.declared["section"], name)}),
        log:
            PATHS.log(f"plot_{name}", place or "job"),
        benchmark:
            PATHS.benchmark(f"plot_{name}", place or "job")
        wildcard_constraints:
            dataset=one_of(jobs.datasets),
        conda:
            "../../envs/cpu.yaml"
        resources:
            mem_mb=scaled(2000, per_gb=20_000),
            runtime=scaled(20),
        params:
            job=plotting(name),
        message:
            f"Draw {name} {place.replace('{', '{wildcards.')}".strip()
        script:
            "../../scripts/plot.py"


rule explore:
    input:
        **jobs.explorer_inputs(),
    output:
        html=PATHS.explorer,
    log:
        PATHS.log("explore"),
    benchmark:
        PATHS.benchmark("explore")
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(3000, per_gb=20_000),
        runtime=scaled(60),
    params:
        job=jobs.exploring(),
        look=[
            digest_file(SCRIPTS / f"fovscope/figures/explore.{kind}") for kind in ("html.j2", "js")
        ],
    message:
        "Put all images on one page, to be explored"
    script:
        "../../scripts/plot.py"


rule report:
    input:
        config=PATHS.config,
        facts=[jobs.data(name)["facts"] for name in jobs.datasets],
        manifests=[jobs.data(name)["table"] for name in jobs.targets],
        objects=filled(PATHS.objects, dataset=jobs.targets),
        tables=[path for name in jobs.tables for path in PATHS.table(name).values()],
        pictures=[file for file in jobs.pictures() if file.endswith(".png")],
    output:
        PATHS.report,
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(30),
    params:
        job=jobs.reporting(),
        template=digest_file(SCRIPTS / "fovscope/figures/report.html.j2"),
        benchmarks=f"{PATHS.root}/benchmarks",
    message:
        "Write the report"
    script:
        "../../scripts/report.py"
