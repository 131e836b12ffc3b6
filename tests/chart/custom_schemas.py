"""Schemas of the kinds that a cluster learns from others: the fields that this chart may use, and no other.

Their sources: the API reference of the Prometheus operator (monitoring.coreos.com/v1) and KEDA's
specification of a ScaledObject (keda.sh/v1alpha1) with its Kafka scaler.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SECONDS: Final[Schema] = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d))+$"}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}


def fields(required: str, /, **properties: Schema) -> Schema:
    """An object with these fields, some of them required, and no other."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def several(items: Schema) -> Schema:
    """A list of one at least."""
    return {"type": "array", "minItems": 1, "items": items}


_ENDPOINT = fields("port", port=TEXT, path=TEXT, interval=SECONDS, scrapeTimeout=SECONDS, scheme=TEXT)
_MONITOR = fields(
    "selector endpoints",
    selector=fields("matchLabels", matchLabels=TEXTS),
    namespaceSelector=fields("matchNames", matchNames=several(TEXT)),
    endpoints=several(_ENDPOINT),
    jobLabel=TEXT,
)
_ALERT = fields("alert expr", alert=TEXT, expr=TEXT, labels=TEXTS, annotations=TEXTS, **{"for": SECONDS})
_RULES = fields(
    "groups", groups=several(fields("name rules", name=TEXT, rules=several(_ALERT), interval=SECONDS))
)
_KAFKA = fields(
    "bootstrapServers consumerGroup topic",
    bootstrapServers=TEXT,
    consumerGroup=TEXT,
    topic=TEXT,
    lagThreshold={"type": "string", "pattern": r"^\d+$"},
    activationLagThreshold={"type": "string", "pattern": r"^\d+$"},
    offsetResetPolicy={"enum": ["latest", "earliest"]},
    allowIdleConsumers={"enum": ["true", "false"]},
)
_SCALED = fields(
    "scaleTargetRef triggers",
    scaleTargetRef=fields("name", name=TEXT, kind=TEXT, apiVersion=TEXT),
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    pollingInterval=COUNT,
    cooldownPeriod=COUNT,
    triggers=several(fields("type metadata", type={"const": "kafka"}, metadata=_KAFKA)),
)
SPECS: Final[dict[tuple[str, str], Schema]] = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _RULES,
    ("keda.sh/v1alpha1", "ScaledObject"): _SCALED,
}
"""The schema of `spec`, by API version and kind."""
