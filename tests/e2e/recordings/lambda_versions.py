"""Versions, aliases and revisions, as Lambda was recorded to answer."""

from pontoon_e2e.functions import COMPLETE, RUNTIME, create, created, get
from pontoon_e2e.replay import part_of, run, scenario
from pontoon_e2e.session import zipped

API = "lambda_/test_lambda_api"
part_of(API, "TestLambdaVersions", "TestLambdaAlias", "TestLambdaRevisions")
NEW_SINCE = "added since the recording"
PLAIN = {"Handler": "index.handler", "Timeout": None, "Environment": None}
OF_ALIASES = PLAIN | {"Environment": {"Variables": {"testenv": "staging"}}}


def publisher(aws, f):
    def publish(label, **options):
        return aws.check(label, aws.client("lambda").publish_version(FunctionName=f, **options))

    return publish


@scenario(API, "TestLambdaVersions::test_publish_version_on_create")
def _(aws):
    functions, f = aws.client("lambda"), "published"
    aws.check("create_response", create(aws, f, Publish=True, **PLAIN))
    get(aws, "get_function_result", f)
    get(aws, "get_function_version_result", f, Qualifier="1")
    get(aws, "get_function_latest_result", f, Qualifier="$LATEST")
    aws.check("list_versions_result", functions.list_versions_by_function(FunctionName=f))
    publisher(aws, f)("repeated_publish_response")
    aws.check("list_versions_result_after_publish", functions.list_versions_by_function(FunctionName=f))


@scenario(API, "TestLambdaVersions::test_version_lifecycle")
def _(aws):
    functions, f = aws.client("lambda"), "versions"
    publish = publisher(aws, f)

    def listed(label):
        aws.check(label, functions.list_versions_by_function(FunctionName=f))

    aws.check("create_response", create(aws, f, Description="No version :(", **PLAIN))
    get(aws, "get_function_result", f)
    listed("list_versions_result")
    update = functions.update_function_configuration(FunctionName=f, Description="First version :)")
    aws.check("first_update_response", update)
    get(aws, "first_update_get_function", f)
    publish("first_publish_response", Description="First version description :)")
    get(aws, "first_publish_get_function", f, Qualifier="1")
    aws.check("first_publish_get_function_config", functions.get_function_configuration(FunctionName=f, Qualifier="1"))
    update = functions.update_function_configuration(FunctionName=f, Description="Second version :))")
    aws.check("second_update_response", update)
    get(aws, "first_publish_get_function_after_update", f, Qualifier="1")
    publish("second_publish_response")
    publish("third_publish_response", Description="Third version description :)))")
    listed("list_versions_result_after_third_publish")
    functions.delete_function(FunctionName=f, Qualifier="1")
    listed("list_versions_result_after_deletion_of_first_version")


@scenario(API, "TestLambdaVersions::test_publish_with_wrong_revisionid")
def _(aws):
    functions, f = aws.client("lambda"), "revised"
    new = ("RuntimeVersionConfig", "LoggingConfig", "SnapStart")
    of_answer, of_get = ({f"{inner}{path}": NEW_SINCE for path in new} for inner in ("", "Configuration."))
    aws.check("create_response", create(aws, f, **PLAIN | {"Runtime": "python3.9"}), of_answer)
    known = get(aws, "get_fn_response", f, of_get)["Configuration"]["RevisionId"]
    aws.fails("publish_wrong_revisionid_exc", functions.publish_version, FunctionName=f, RevisionId="doesntexist")
    aws.check("publish_result", functions.publish_version(FunctionName=f, RevisionId=known), of_answer)


@scenario(API, "TestLambdaVersions::test_publish_with_wrong_sha256")
def _(aws):
    functions, f = aws.client("lambda"), "hashed"
    aws.check("create_response", create(aws, f, **PLAIN))
    known = get(aws, "get_fn_response", f)["Configuration"]["CodeSha256"]
    wrong = "somenonexistentsha256"
    aws.fails("publish_wrong_sha256_exc", functions.publish_version, FunctionName=f, CodeSha256=wrong)
    publisher(aws, f)("publish_result", CodeSha256=known)


@scenario(API, "TestLambdaVersions::test_publish_with_update")
def _(aws):
    f = "updated"
    aws.check("create_response", create(aws, f, **PLAIN))
    get(aws, "get_function_result", f)
    update = aws.client("lambda").update_function_code(FunctionName=f, ZipFile=zipped(index_py="# other"), Publish=True)
    aws.check("update_function_code_result", update)
    under_way = ("LastUpdateStatus", "State", "StateReason", "StateReasonCode", "RevisionId")
    get(aws, "get_function_version_result", f, {f"Configuration.{path}": COMPLETE for path in under_way}, Qualifier="1")
    under_way = ("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode")
    get(aws, "get_function_latest_result", f, {f"Configuration.{path}": COMPLETE for path in under_way}, Qualifier="$LATEST")


def with_two_versions(aws, f, **options):
    """A function with the versions 1 and 2."""
    aws.check("create_response", create(aws, f, **OF_ALIASES, **options))
    publisher(aws, f)("publish_v1")
    aws.client("lambda").update_function_configuration(FunctionName=f, Environment={"Variables": {"testenv": "prod"}})
    publisher(aws, f)("publish_v2")


@scenario(API, "TestLambdaAlias::test_alias_lifecycle")
def _(aws):
    functions, f = aws.client("lambda"), "aliased"
    with_two_versions(aws, f)
    split = {"AdditionalVersionWeights": {"2": 0.2}}
    for label, version, options in (
        ("1_1", "1", {"Description": "custom-alias", "RoutingConfig": split}),
        ("1_2", "1", {"Description": "custom-alias"}),
        ("1_3", "1", {}),
        ("2", "2", {"Description": "custom-alias"}),
    ):
        name = f"aliasname{label}"
        answer = functions.create_alias(FunctionName=f, Name=name, FunctionVersion=version, **options)
        aws.check(f"create_alias_{label}", answer)
        aws.check(f"get_alias_{label}", functions.get_alias(FunctionName=f, Name=name))
        if label == "1_1":
            get(aws, "get_function_alias_1_1", f, Qualifier=name)
            get(aws, "get_function_byarn_alias_1_1", answer["AliasArn"])
            missing = answer["AliasArn"].replace(name, "aliasdoesnotexist")
            aws.fails("get_function_alias_notfound_exc", functions.get_function, FunctionName=f, Qualifier="aliasdoesnotexist")
            aws.fails("get_function_alias_byarn_notfound_exc", functions.get_function, FunctionName=missing)
    # A paginator's answer, which has no metadata.
    aws.check("list_aliases_for_fnname", {"Aliases": functions.list_aliases(FunctionName=f)["Aliases"]})
    update = functions.update_alias(FunctionName=f, Name="aliasname1_1", RoutingConfig={"AdditionalVersionWeights": {}})
    aws.check("update_alias_1_1", update)
    aws.check("get_alias_1_1_after_update", functions.get_alias(FunctionName=f, Name="aliasname1_1"))
    aws.check("list_aliases_for_fnname_after_update", functions.list_aliases(FunctionName=f))
    # An update with nothing to change is a revision all the same.
    aws.check("update_alias_1_2", functions.update_alias(FunctionName=f, Name="aliasname1_2"))
    aws.check("get_alias_1_2_after_update", functions.get_alias(FunctionName=f, Name="aliasname1_2"))
    aws.check("list_aliases_for_fnname_after_update_2", functions.list_aliases(FunctionName=f))
    aws.check("list_aliases_for_version", functions.list_aliases(FunctionName=f, FunctionVersion="1"))
    aws.check("delete_alias_response", functions.delete_alias(FunctionName=f, Name="aliasname1_1"))
    aws.check("list_aliases_for_fnname_afterdelete", functions.list_aliases(FunctionName=f))


@scenario(API, "TestLambdaAlias::test_notfound_and_invalid_routingconfigs")
def _(aws):
    functions, f = aws.client("lambda", parameter_validation=False), "aliased"
    with_two_versions(aws, f, Publish=True)

    def refused(label, weights, function=f, version="1", name="custom"):
        routing = {} if weights is None else {"RoutingConfig": {"AdditionalVersionWeights": weights}}
        aws.fails(label, functions.create_alias, FunctionName=function, Name=name, FunctionVersion=version, **routing)

    refused("routing_config_exc_toomany", {"1": 0.5, "2": 0.5})
    refused("routing_config_exc_toohigh", {"2": 2})
    refused("routing_config_exc_subzero", {"2": -1})
    refused("routing_config_exc_sameversion", {"1": 0.5})
    refused("target_version_doesnotexist", {"2": 0.5}, version="10")
    refused("routing_config_exc_version_doesnotexist", {"10": 0.5})
    refused("target_version_exc_version_latest", {"1": 0.5}, version="$LATEST")
    refused("routing_config_exc_version_latest", {"$LATEST": 0.5})
    latest = functions.create_alias(FunctionName=f, Name="custom-latest", FunctionVersion="$LATEST")
    aws.check("create-alias-latest", latest)
    refused("routing_config_exc_fn_doesnotexist", {"2": 0.5}, function=f"{f}-unknown")
    for label, name, weights in (
        ("create_alias_empty_routingconfig", "custom-empty-routingconfig", {}),
        ("create_alias_response", "custom", {"2": 0.5}),
    ):
        routing = {"AdditionalVersionWeights": weights}
        answer = functions.create_alias(FunctionName=f, Name=name, FunctionVersion="1", RoutingConfig=routing)
        aws.check(label, answer)
    refused("routing_config_exc_already_exist", {"2": 0.5})
    aws.fails("alias_does_not_exist_esc", functions.get_alias, FunctionName=f, Name="non-existent")


@scenario(API, "TestLambdaAlias::test_non_existent_alias_deletion", "TestLambdaAlias::test_non_existent_alias_update")
def _(aws):
    functions, f = aws.client("lambda"), "aliased"
    aws.check("create_response", create(aws, f, **OF_ALIASES))
    if aws.name.endswith("deletion"):
        aws.check("delete_alias_response", functions.delete_alias(FunctionName=f, Name="non-existent"))
    else:
        aws.fails("update_alias_response", functions.update_alias, FunctionName=f, Name="non-existent")


@scenario(API, "TestLambdaAlias::test_alias_naming")
def _(aws):
    functions, f = aws.client("lambda"), "aliased"
    aws.check("create_response", create(aws, f, **OF_ALIASES))
    publisher(aws, f)("publish_v1")
    date = functions.create_alias(FunctionName=f, Name="2024-01-02", FunctionVersion="1", Description="custom-alias")
    aws.check("create_alias_date", date)
    aws.check("get_alias_date", functions.get_alias(FunctionName=f, Name="2024-01-02"))
    aws.fails("create_alias_number_exception", functions.create_alias, FunctionName=f, Name="2024", FunctionVersion="1")


@scenario(API, "TestLambdaRevisions::test_function_revisions_basic")
def _(aws):
    functions, f = aws.client("lambda"), "revised"
    archive = zipped(index_py="# one")
    one = created(aws, "create_function_response_rev1", f, Handler="index.handler", Code={"ZipFile": archive})
    two = get(aws, "get_function_response_rev2", f)["Configuration"]["RevisionId"]
    code = {"FunctionName": f, "ZipFile": archive}
    aws.fails("update_function_revision_exception", functions.update_function_code, RevisionId=one["RevisionId"], **code)
    three = functions.update_function_code(RevisionId=two, **code)
    aws.check("update_function_code_response_rev3", three)
    four = get(aws, "get_function_response_rev4", f)["Configuration"]["RevisionId"]
    settings = {"FunctionName": f, "Runtime": "python3.8"}
    update = functions.update_function_configuration
    aws.fails("update_function_configuration_revision_exception", update, RevisionId=three["RevisionId"], **settings)
    aws.check("update_function_configuration_response_rev5", update(RevisionId=four, **settings))
    get(aws, "get_function_response_rev6", f)


@scenario(API, "TestLambdaRevisions::test_function_revisions_version_and_alias")
def _(aws):
    functions, f = aws.client("lambda"), "revised"
    one = created(aws, "create_function_response_rev1", f)["RevisionId"]
    two = get(aws, "get_function_active_rev2", f)["Configuration"]["RevisionId"]
    aws.fails("publish_version_revision_exception", functions.publish_version, FunctionName=f, RevisionId=one)
    publisher(aws, f)("publish_version_response_rev_v1", RevisionId=two)
    get(aws, "get_function_published_version_rev_v2", f, Qualifier="1")
    get(aws, "get_function_latest_rev3", f)
    alias = {"FunctionName": f, "Name": "revision_alias"}
    first = functions.create_alias(FunctionVersion="1", **alias)
    aws.check("create_alias_response_rev_a1", first)
    get(aws, "get_function_latest_rev4", f)
    get(aws, "get_function_published_version_rev_v3", f, Qualifier="1")
    change = alias | {"Description": "something changed"}
    aws.fails("update_alias_revision_exception", functions.update_alias, RevisionId="wrong", **change)
    aws.check("update_alias_response_rev_a2", functions.update_alias(RevisionId=first["RevisionId"], **change))


@scenario(API, "TestLambdaRevisions::test_function_revisions_permissions")
def _(aws):
    functions, f = aws.client("lambda"), "revised"
    one = create(aws, f, Runtime=RUNTIME)["RevisionId"]
    permission = {"FunctionName": f, "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    aws.fails("add_permission_revision_exception", functions.add_permission, RevisionId=one, **permission)


run()
