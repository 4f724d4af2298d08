"""An API model evaluated with a user that another model plays: any OpenAI-compatible endpoint.

    OPENAI_BASE_URL=http://127.0.0.1:8000/v1 python examples/api_model.py my-model my-user-model

On the command line: toolgym eval --agent api:my-model --set user=llm:my-user-model --set size=small --episodes 20
"""

import sys

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy


def main(model: str, user: str, episodes: int = 20) -> None:
    agent = AgentOptions(temperature=0.0, concurrency=4)
    options = EvalOptions(
        split="test",
        episodes=episodes,
        env_options={"size": "small", "user": f"llm:{user}"},
        agent=agent,
    )
    report = evaluate(make_policy(f"api:{model}", agent), options, agent=f"api:{model}")
    solved = report.overall.estimates["pass@1"]
    if solved.value is None or solved.interval is None:
        raise SystemExit(f"every episode was lost: {next(iter(report.lost))}")
    low, high = solved.interval
    print(f"{model}: {solved.value:.0%} solved (95%: {low:.0%} to {high:.0%}) of {solved.tasks} tasks")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]))
