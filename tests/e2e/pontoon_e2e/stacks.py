"""Stacks for the recordings: made, changed through change sets and deleted."""

import json
import re

from .session import eventually

# What the id of a resource's event ends with, and what each recording has in its place.
EVENT_TIME = re.compile(r"-\d{4}-\d{2}-\d{2}T[^Z]*Z$")
EVENT_UUID = re.compile(r"(?<=[A-Za-z0-9])-[0-9a-f]{8}-[0-9a-f-]{27}$")


def parameters(given):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


def settled(aws, name):
    """The stack of this name or ARN, once nothing is in progress."""

    def look():
        stack = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return stack if not stack["StackStatus"].endswith("_IN_PROGRESS") else None

    return eventually(f"the end of what happens to {name}", look)


def deploy(aws, template, given=None, name="stack", **more):
    """The new stack, once it is done."""
    body = template if isinstance(template, str) else json.dumps(template)
    stack = aws.cloudformation.create_stack(StackName=name, TemplateBody=body, Parameters=parameters(given or {}), **more)
    return settled(aws, stack["StackId"])


def outputs(stack):
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def change_twice(aws, first, second, first_given=None, second_given=None, differs=None):
    """Makes a stack by one change set, changes it by a second and deletes it, comparing everything that is told on the way."""
    cf = aws.cloudformation
    capabilities = aws.recorded["describe-change-set-1"]["Capabilities"]
    stack = None
    aws.stand_ins["url_suffix"] = "amazonaws.com"
    for turn, (kind, template, given) in enumerate((("CREATE", first, first_given), ("UPDATE", second, second_given)), 1):
        created = cf.create_change_set(
            StackName=stack or "stack",
            ChangeSetName="change",
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            Parameters=parameters(given or {}),
            Capabilities=capabilities,
        )
        aws.check(f"create-change-set-{turn}", created)
        stack = created["StackId"]
        valued = f"describe-change-set-{turn}-prop-values"
        _check_changes(aws, valued, created["Id"], (differs or {}).get(valued), IncludePropertyValues=True)
        _check_changes(aws, f"describe-change-set-{turn}", created["Id"])
        aws.check(f"execute-change-set-{turn}", cf.execute_change_set(ChangeSetName=created["Id"]))
        _check_stack(aws, f"post-create-{turn}-describe", stack)
    if "Stack" in aws.recorded["per-resource-events"]:
        _delete(aws, stack)
        aws.check("per-resource-events", _told_once(_events(aws, stack), stack))
    else:
        for event in sum(aws.recorded["per-resource-events"].values(), []):
            event["EventId"] = EVENT_UUID.sub("-uuid", event["EventId"])
        aws.check("per-resource-events", _newest_first(_events(aws, stack)))
        _delete(aws, stack)


def _check_changes(aws, label, change_set, differs=None, **more):
    recorded = aws.recorded[label]
    for change in recorded["Changes"]:
        # Until April 2025, additions were told to be replacements too.
        if change["ResourceChange"]["Action"] == "Add":
            change["ResourceChange"].pop("Replacement", None)
    described = aws.cloudformation.describe_change_set(ChangeSetName=change_set, **more)
    # In which order the reasons for one change are told varies from recording to recording, and so does the order of properties' names.
    for answer in (recorded, described):
        for change in answer["Changes"]:
            change["ResourceChange"]["Details"].sort(key=lambda detail: json.dumps(detail, sort_keys=True))
    aws.check(label, described, differs)


def _check_stack(aws, label, stack):
    # DEVIATION: since 2026, stacks are told with their last operations.
    aws.recorded[label].pop("LastOperations", None)
    aws.check(label, settled(aws, stack))


def _delete(aws, stack):
    aws.cloudformation.delete_stack(StackName=stack)
    _check_stack(aws, "delete-describe", stack)


def _events(aws, stack):
    pages = aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    events = [event for page in pages for event in page["StackEvents"]]
    for event in events:
        event["EventId"] = EVENT_UUID.sub("-uuid", EVENT_TIME.sub("-date", event["EventId"]))
        if "ResourceProperties" in event:
            event["ResourceProperties"] = json.loads(event["ResourceProperties"])
    return events


def _newest_first(events):
    told = {}
    for event in events:
        told.setdefault(event["LogicalResourceId"], []).append(event)
    return told


def _told_once(events, stack):
    """The events of each resource from the first to the last, of those with the same status the last, with less said of each."""
    shown = ("LogicalResourceId", "PhysicalResourceId", "ResourceStatus", "ResourceType", "Timestamp")
    told = {}
    for event in reversed(events):
        if event["ResourceStatus"] == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
            continue
        own = told.setdefault("Stack" if event["PhysicalResourceId"] == stack else event["LogicalResourceId"], [])
        if own and own[-1]["ResourceStatus"] == event["ResourceStatus"]:
            own.pop()
        own.append({member: event[member] for member in shown})
    return told


def change(aws, template, given=None, name="stack", kind="CREATE", **more):
    """The stack, made or changed by a change set, once it is done."""
    asked = {"StackName": name, "ChangeSetName": "deploy", "ChangeSetType": kind, "Parameters": parameters(given or {})}
    body = template if isinstance(template, str) else json.dumps(template)
    asked |= {"TemplateBody": body, "Capabilities": ["CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]}
    made = aws.cloudformation.create_change_set(**asked | more)
    aws.cloudformation.execute_change_set(ChangeSetName=made["Id"])
    return settled(aws, made["StackId"])


def events_once(aws, stack):
    """What happened to each resource of a stack, as the newer recordings tell it."""
    return _told_once(_events(aws, stack), stack)
