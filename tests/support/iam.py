"""Whether IAM would allow a call: a role's own policies and the archive bucket's policy, as the template has them.

The rules are those of AWS's guide to policy evaluation, for principals and resources of one account: an explicit deny
wins, else one allow is enough. What is not known here is an error: other condition operators, policy variables,
NotPrincipal. Not looked at: key policies (the stack's key leaves the decision to IAM), service control policies,
permission boundaries, session policies.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.templates import plain, resources

Template = Mapping[str, Any]
Statement = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]
"""Condition keys of the request. Booleans are 'true' and 'false'; a list is a key of many values."""


@dataclass(frozen=True)
class Allowed:
    by: str


@dataclass(frozen=True)
class Denied:
    reason: str


@dataclass(frozen=True)
class Principal:
    """Who calls: for an assumed role its role's ARN, as `aws:PrincipalArn` has it."""

    arn: str
    statements: Sequence[Statement] = ()
    """Of its identity policies."""


def decide(
    who: Principal,
    action: str,
    resource: str,
    context: Context | None = None,
    *,
    resource_policy: Iterable[Statement] = (),
) -> Allowed | Denied:
    """What IAM says to one action on one resource. Raises ValueError for a policy with what is not known here."""
    known = {key.lower(): value for key, value in {"aws:PrincipalArn": who.arn, **(context or {})}.items()}
    mine = [s for s in who.statements if _applies(s, action, resource, known)]
    theirs = [
        s for s in resource_policy if _is_principal(s["Principal"], who.arn) and _applies(s, action, resource, known)
    ]
    for statement in [*mine, *theirs]:
        if statement["Effect"] == "Deny":
            return Denied(f"explicitly by {_name(statement)}")
    for statement in [*mine, *theirs]:
        return Allowed(_name(statement))
    return Denied("nothing allows it")


class StackPolicies:
    """The roles and the bucket policy of a synthesized template; references are `infra.templates.plain`'s stand-ins."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self.bucket_arn = self.arn("AWS::S3::Bucket")
        self.table_arn = self.arn("AWS::DynamoDB::Table")
        self.key_arn = self.arn("AWS::KMS::Key")
        (policy,) = resources(template, "AWS::S3::BucketPolicy").values()
        self.bucket_policy: list[Statement] = _plain(policy["Properties"]["PolicyDocument"]["Statement"])

    def arn(self, kind: str) -> str:
        """Of the only resource of its type."""
        (name,) = resources(self._template, kind)
        return plain({"Fn::GetAtt": [name, "Arn"]})

    def role_of(self, function: str) -> Principal:
        """The role of the function that is called so, such as StoreImages."""
        (name,) = [n for n in resources(self._template, "AWS::IAM::Role") if re.search(f"{function}Role[0-9A-F]+$", n)]
        return Principal(plain({"Fn::GetAtt": [name, "Arn"]}), tuple(self._statements(name)))

    def decide(self, who: Principal, action: str, resource: str, context: Context | None = None) -> Allowed | Denied:
        """The bucket policy has its word wherever the bucket or an object in it is meant."""
        in_bucket = resource == self.bucket_arn or resource.startswith(f"{self.bucket_arn}/")
        context = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "false", **(context or {})}
        return decide(who, action, resource, context, resource_policy=self.bucket_policy if in_bucket else ())

    def _statements(self, role: str) -> Iterator[Statement]:
        for policy in self._template["Resources"][role]["Properties"].get("Policies", []):
            yield from _plain(policy["PolicyDocument"]["Statement"])
        for policy in resources(self._template, "AWS::IAM::Policy").values():
            if {"Ref": role} in policy["Properties"].get("Roles", []):
                yield from _plain(policy["Properties"]["PolicyDocument"]["Statement"])


def _plain(value: Any) -> Any:
    """A statement without CloudFormation's functions."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and not any(key == "Ref" or key.startswith("Fn::") for key in value):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, bool) else plain(value).replace("AWS::URLSuffix", "amazonaws.com")


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource"}
    if unknown - {"Condition"}:
        raise ValueError(f"statements with {', '.join(unknown)} are not known here")
    actions, targets = _list(statement, "Action"), _list(statement, "Resource")
    return (
        any(_like(pattern.lower(), action.lower()) for pattern in actions) != ("NotAction" in statement)
        and any(_like_arn(pattern, resource) for pattern in targets) != ("NotResource" in statement)
        and all(
            _holds(operator, key, _strings(expected), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _is_principal(element: Any, arn: str) -> bool:
    """An account's root stands for the account, whose identity policies then decide; it lets nobody in by itself."""
    if isinstance(element, str):
        return element == "*"
    if set(element) - {"AWS", "Service"}:
        raise ValueError(f"principals like {element} are not known here")
    return any(name in ("*", arn) for names in element.values() for name in _strings(names))


def _holds(operator: str, key: str, expected: list[str], context: Context) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    found = context.get(key.lower())
    values = [] if found is None else _strings(found)
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    if name == "Null":
        return [str(not values).lower()] == expected
    if name not in _OPERATORS or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"the condition operator {operator} is not known here")
    if any("${" in text for text in expected):
        raise ValueError(f"policy variables are not known here: {expected}")
    negated = "Not" in name
    if not values:
        return rest != name or quantifier == "ForAllValues" or (negated and not quantifier)
    if not quantifier and not isinstance(found, str):
        raise ValueError(f"{key} has many values, {operator} is for one")
    held = [any(_OPERATORS[name](pattern, value) for pattern in expected) != negated for value in values]
    return any(held) if quantifier == "ForAnyValue" else all(held)


def _like(pattern: str, text: str) -> bool:
    """`*` is any text, `?` one character."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _like_arn(pattern: str, arn: str) -> bool:
    """Each of the six parts by itself, so that no wildcard reaches over a colon."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return pattern == "*" or (len(patterns) == len(parts) and all(map(_like, patterns, parts)))


_OPERATORS = {
    "StringEquals": str.__eq__,
    "StringNotEquals": str.__eq__,
    "StringLike": _like,
    "StringNotLike": _like,
    "ArnEquals": _like_arn,
    "ArnLike": _like_arn,
    "ArnNotEquals": _like_arn,
    "ArnNotLike": _like_arn,
    "Bool": lambda pattern, value: pattern.lower() == value.lower(),
}


def _list(statement: Statement, element: str) -> list[str]:
    return _strings(statement[element] if element in statement else statement[f"Not{element}"])


def _strings(value: Any) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


def _name(statement: Statement) -> str:
    return str(statement.get("Sid") or statement)
