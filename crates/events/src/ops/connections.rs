//! Connections.

use pontoon_api::events::*;
use pontoon_core::{Step, Timestamp};

use super::page::page;
use super::{Answer, authorize};
use crate::state::api_destination::url_fault;
use crate::state::connection::{
    Authorization, ConnectionRecord, ConnectionState, OAuth, Parameter, Parameters,
};
use crate::{Error, Events};

/// Connections of an account in a region (user guide, quotas).
const CONNECTIONS_MAX: usize = 3_000;

fn arn_of(step: &Step<'_>, name: &str, id: &str) -> String {
    step.scope.arn("events", format_args!("connection/{name}/{id}"))
}

fn time(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

pub fn create(
    events: &mut Events,
    step: &mut Step<'_>,
    input: CreateConnectionInput,
) -> Answer<CreateConnectionOutput> {
    let CreateConnectionInput {
        name,
        description,
        authorization_type: kind,
        auth_parameters,
        invocation_connectivity_parameters,
        kms_key_identifier,
    } = input;
    let id = step.ids.uuid();
    let arn = arn_of(step, &name, &id);
    authorize(step, "events:CreateConnection", &arn)?;
    let CreateConnectionAuthRequestParameters {
        basic_auth_parameters: basic,
        o_auth_parameters: oauth,
        api_key_auth_parameters: key,
        invocation_http_parameters: invocation,
        connectivity_parameters,
    } = auth_parameters;
    let is_private = invocation_connectivity_parameters.is_some() || connectivity_parameters.is_some();
    refuse_options(is_private, kms_key_identifier)?;
    if events.destinations.connection(step.scope, &name).is_some() {
        return Err(Error::ConnectionExists(name));
    }
    if events.destinations.connections(step.scope).count() >= CONNECTIONS_MAX {
        return Err(Error::LimitExceeded);
    }
    let mut given = Vec::new();
    given.extend(basic.map(|of| Authorization::Basic { username: of.username, password: of.password }));
    given.extend(key.map(|of| Authorization::ApiKey { name: of.api_key_name, value: of.api_key_value }));
    given.extend(oauth.map(|of| {
        Authorization::OAuth(Box::new(OAuth {
            client_id: of.client_parameters.client_id,
            client_secret: of.client_parameters.client_secret,
            endpoint: of.authorization_endpoint,
            method: of.http_method,
            parameters: of.o_auth_http_parameters.map(kept),
        }))
    }));
    let authorization = only(&kind, given)?;
    let secret = format!("{}-{}", step.ids.uuid(), suffix(step));
    let now = step.now.millis();
    let record = ConnectionRecord {
        id,
        secret,
        description,
        kind,
        state: first_state(&authorization),
        authorization: Some(authorization),
        invocation: invocation.map(kept),
        state_reason: None,
        created_millis: now,
        modified_millis: now,
        authorized_millis: now,
    };
    let state = record.state.name().to_owned();
    put(events, step, &name, record);
    Ok(CreateConnectionOutput {
        connection_arn: Some(arn),
        connection_state: Some(state),
        creation_time: Some(step.now),
        last_modified_time: Some(step.now),
    }
    .into())
}

/// Puts a connection, and takes up the deliveries that waited for a token if it needs none any more.
fn put(events: &mut Events, step: &mut Step<'_>, name: &str, record: ConnectionRecord) {
    let scope = step.scope;
    let waiting = events.destinations.put_connection(step, name, record);
    events.token_came(step, waiting, None);
    step.scope = scope;
}

/// The six characters that Secrets Manager ends names with.
fn suffix(step: &mut Step<'_>) -> String {
    step.ids.upper_alphanumeric(6)
}

/// Networks of AWS and its keys are not there to be used.
fn refuse_options(is_private: bool, key: Option<String>) -> Result<(), Error> {
    if is_private {
        return Err(Error::Unsupported("connections to private APIs".into()));
    }
    match key.filter(|key| !key.is_empty()) {
        Some(_) => Err(Error::Unsupported("KmsKeyIdentifier of a connection".into())),
        None => Ok(()),
    }
}

/// A token is asked for; everything else can be used at once.
fn first_state(authorization: &Authorization) -> ConnectionState {
    match authorization {
        Authorization::OAuth(_) => ConnectionState::Authorizing,
        _ => ConnectionState::Authorized,
    }
}

/// The one authorization that was given, which must be of the kind that was named.
fn only(kind: &str, given: Vec<Authorization>) -> Result<Authorization, Error> {
    let reason = format!("Exactly the parameters of the authorization type {kind} must be given.");
    let fault = || Error::parameter("AuthParameters", &reason);
    let mut given = given.into_iter();
    let (Some(one), None) = (given.next(), given.next()) else { return Err(fault()) };
    if one.kind() != kind {
        return Err(fault());
    }
    if let Authorization::OAuth(oauth) = &one
        && let Some(fault) = url_fault(&oauth.endpoint)
    {
        return Err(Error::parameter("AuthorizationEndpoint", fault));
    }
    Ok(one)
}

fn kept(given: ConnectionHttpParameters) -> Parameters {
    let one = |key: Option<String>, value: Option<String>, is_secret| Parameter {
        key: key.unwrap_or_default(),
        value: value.unwrap_or_default(),
        is_secret,
    };
    Parameters {
        headers: given
            .header_parameters
            .map(|all| all.into_iter().map(|of| one(of.key, of.value, of.is_value_secret)).collect()),
        query: given
            .query_string_parameters
            .map(|all| all.into_iter().map(|of| one(of.key, of.value, of.is_value_secret)).collect()),
        body: given
            .body_parameters
            .map(|all| all.into_iter().map(|of| one(of.key, of.value, of.is_value_secret)).collect()),
    }
}

/// Parameters as they are shown: without the values that are secret.
fn shown(kept: &Parameters) -> ConnectionHttpParameters {
    let value = |of: &Parameter| (of.is_secret != Some(true)).then(|| of.value.clone());
    ConnectionHttpParameters {
        header_parameters: kept.headers.as_ref().map(|all| {
            let shown = |of: &Parameter| ConnectionHeaderParameter {
                key: Some(of.key.clone()),
                value: value(of),
                is_value_secret: of.is_secret,
            };
            all.iter().map(shown).collect()
        }),
        query_string_parameters: kept.query.as_ref().map(|all| {
            let shown = |of: &Parameter| ConnectionQueryStringParameter {
                key: Some(of.key.clone()),
                value: value(of),
                is_value_secret: of.is_secret,
            };
            all.iter().map(shown).collect()
        }),
        body_parameters: kept.body.as_ref().map(|all| {
            let shown = |of: &Parameter| ConnectionBodyParameter {
                key: Some(of.key.clone()),
                value: value(of),
                is_value_secret: of.is_secret,
            };
            all.iter().map(shown).collect()
        }),
    }
}

/// The connection of a name, after the caller's right to `action` on it was checked.
fn open(
    events: &Events,
    step: &mut Step<'_>,
    name: &str,
    (action, verb): (&'static str, &'static str),
) -> Result<(String, ConnectionRecord), Error> {
    let found = events.destinations.connection(step.scope, name).cloned();
    let arn = arn_of(step, name, found.as_ref().map_or("*", |record| &record.id));
    authorize(step, action, &arn)?;
    Ok((arn, found.ok_or_else(|| Error::NoConnection(verb, name.to_owned()))?))
}

pub fn update(
    events: &mut Events,
    step: &mut Step<'_>,
    input: UpdateConnectionInput,
) -> Answer<UpdateConnectionOutput> {
    let UpdateConnectionInput {
        name,
        description,
        authorization_type,
        auth_parameters,
        invocation_connectivity_parameters,
        kms_key_identifier,
    } = input;
    let (arn, mut record) = open(events, step, &name, ("events:UpdateConnection", "update"))?;
    let given = auth_parameters.unwrap_or_default();
    let is_private = invocation_connectivity_parameters.is_some() || given.connectivity_parameters.is_some();
    refuse_options(is_private, kms_key_identifier)?;
    let kind = authorization_type.unwrap_or_else(|| record.kind.clone());
    if let Some(authorization) = updated(&kind, record.authorization.as_ref(), &given)? {
        record.state = first_state(&authorization);
        record.authorized_millis = step.now.millis();
        record.state_reason = None;
        record.authorization = Some(authorization);
        record.kind = kind;
    }
    if let Some(invocation) = given.invocation_http_parameters {
        record.invocation = Some(kept(invocation));
    }
    record.description = description.or(record.description);
    record.modified_millis = step.now.millis();
    let output = UpdateConnectionOutput {
        connection_arn: Some(arn),
        connection_state: Some(record.state.name().to_owned()),
        creation_time: time(record.created_millis),
        last_modified_time: time(record.modified_millis),
        last_authorized_time: time(record.authorized_millis),
    };
    put(events, step, &name, record);
    Ok(output.into())
}

/// The authorization with what was given in place of what was there; `None` if nothing of it was given.
fn updated(
    kind: &str,
    before: Option<&Authorization>,
    given: &UpdateConnectionAuthRequestParameters,
) -> Result<Option<Authorization>, Error> {
    let UpdateConnectionAuthRequestParameters {
        basic_auth_parameters: basic,
        o_auth_parameters: oauth,
        api_key_auth_parameters: key,
        ..
    } = given;
    if basic.is_none() && oauth.is_none() && key.is_none() {
        return match before.is_none_or(|before| before.kind() == kind) {
            true => Ok(None),
            false => only(kind, Vec::new()).map(Some),
        };
    }
    let missing = |name: &str| Error::parameter("AuthParameters", &format!("{name} is a required argument."));
    let pick = |given: Option<&String>, before: Option<&String>, name: &str| {
        given.or(before).cloned().ok_or_else(|| missing(name))
    };
    let mut all = Vec::new();
    if let Some(of) = basic {
        let before = match before {
            Some(Authorization::Basic { username, password }) => (Some(username), Some(password)),
            _ => (None, None),
        };
        all.push(Authorization::Basic {
            username: pick(of.username.as_ref(), before.0, "Username")?,
            password: pick(of.password.as_ref(), before.1, "Password")?,
        });
    }
    if let Some(of) = key {
        let before = match before {
            Some(Authorization::ApiKey { name, value }) => (Some(name), Some(value)),
            _ => (None, None),
        };
        all.push(Authorization::ApiKey {
            name: pick(of.api_key_name.as_ref(), before.0, "ApiKeyName")?,
            value: pick(of.api_key_value.as_ref(), before.1, "ApiKeyValue")?,
        });
    }
    if let Some(of) = oauth {
        let before = match before {
            Some(Authorization::OAuth(before)) => Some(before),
            _ => None,
        };
        let client = of.client_parameters.as_ref();
        let id = client.and_then(|client| client.client_id.as_ref());
        let secret = client.and_then(|client| client.client_secret.as_ref());
        let parameters = of.o_auth_http_parameters.clone().map(kept);
        all.push(Authorization::OAuth(Box::new(OAuth {
            client_id: pick(id, before.map(|before| &before.client_id), "ClientID")?,
            client_secret: pick(secret, before.map(|before| &before.client_secret), "ClientSecret")?,
            endpoint: pick(
                of.authorization_endpoint.as_ref(),
                before.map(|before| &before.endpoint),
                "AuthorizationEndpoint",
            )?,
            method: pick(of.http_method.as_ref(), before.map(|before| &before.method), "HttpMethod")?,
            parameters: parameters.or_else(|| before.and_then(|before| before.parameters.clone())),
        })));
    }
    only(kind, all).map(Some)
}

pub fn deauthorize(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DeauthorizeConnectionInput,
) -> Answer<DeauthorizeConnectionOutput> {
    let (arn, mut record) = open(events, step, &input.name, ("events:DeauthorizeConnection", "deauthorize"))?;
    record.state = ConnectionState::Deauthorized;
    record.state_reason = None;
    record.authorization = None;
    record.invocation = None;
    record.modified_millis = step.now.millis();
    let output = DeauthorizeConnectionOutput {
        connection_arn: Some(arn),
        connection_state: Some("DEAUTHORIZING".to_owned()),
        creation_time: time(record.created_millis),
        last_modified_time: time(record.modified_millis),
        last_authorized_time: time(record.authorized_millis),
    };
    put(events, step, &input.name, record);
    Ok(output.into())
}

pub fn delete(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DeleteConnectionInput,
) -> Answer<DeleteConnectionOutput> {
    let (arn, record) = open(events, step, &input.name, ("events:DeleteConnection", "delete"))?;
    let waiting = events.destinations.remove_connection(step, &input.name);
    let scope = step.scope;
    events.token_came(step, waiting, Some("the connection was deleted".to_owned()));
    step.scope = scope;
    Ok(DeleteConnectionOutput {
        connection_arn: Some(arn),
        connection_state: Some("DELETING".to_owned()),
        creation_time: time(record.created_millis),
        last_modified_time: time(record.modified_millis),
        last_authorized_time: time(record.authorized_millis),
    }
    .into())
}

pub fn describe(
    events: &mut Events,
    step: &mut Step<'_>,
    input: DescribeConnectionInput,
) -> Answer<DescribeConnectionOutput> {
    let (arn, record) = open(events, step, &input.name, ("events:DescribeConnection", "describe"))?;
    let secret = format_args!("secret:events!connection/{}/{}", input.name, record.secret).to_string();
    let secret_arn = record.authorization.is_some().then(|| step.scope.arn("secretsmanager", secret));
    Ok(DescribeConnectionOutput {
        connection_arn: Some(arn),
        name: Some(input.name),
        description: record.description.clone(),
        connection_state: Some(record.state.name().to_owned()),
        state_reason: record.state_reason.clone(),
        auth_parameters: record.authorization.is_some().then(|| without_secrets(&record)),
        authorization_type: Some(record.kind),
        secret_arn,
        creation_time: time(record.created_millis),
        last_modified_time: time(record.modified_millis),
        last_authorized_time: time(record.authorized_millis),
        ..Default::default()
    }
    .into())
}

fn without_secrets(record: &ConnectionRecord) -> ConnectionAuthResponseParameters {
    let mut parameters = ConnectionAuthResponseParameters {
        invocation_http_parameters: record.invocation.as_ref().map(shown),
        ..Default::default()
    };
    match &record.authorization {
        None => {}
        Some(Authorization::Basic { username, .. }) => {
            let username = Some(username.clone());
            parameters.basic_auth_parameters = Some(ConnectionBasicAuthResponseParameters { username });
        }
        Some(Authorization::ApiKey { name, .. }) => {
            let api_key_name = Some(name.clone());
            parameters.api_key_auth_parameters =
                Some(ConnectionApiKeyAuthResponseParameters { api_key_name });
        }
        Some(Authorization::OAuth(oauth)) => {
            let client_id = Some(oauth.client_id.clone());
            parameters.o_auth_parameters = Some(ConnectionOAuthResponseParameters {
                client_parameters: Some(ConnectionOAuthClientResponseParameters { client_id }),
                authorization_endpoint: Some(oauth.endpoint.clone()),
                http_method: Some(oauth.method.clone()),
                o_auth_http_parameters: oauth.parameters.as_ref().map(shown),
            });
        }
    }
    parameters
}

pub fn list(
    events: &mut Events,
    step: &mut Step<'_>,
    input: ListConnectionsInput,
) -> Answer<ListConnectionsOutput> {
    authorize(step, "events:ListConnections", "*")?;
    let ListConnectionsInput { name_prefix, connection_state, next_token, limit } = input;
    let matching = events.destinations.connections(step.scope).filter(|(name, record)| {
        name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && connection_state.as_ref().is_none_or(|state| state == record.state.name())
    });
    let (found, next_token) = page(matching, |(name, _)| (*name).clone(), next_token.as_deref(), limit)?;
    let shown = |(name, record): (&String, &ConnectionRecord)| Connection {
        connection_arn: Some(arn_of(step, name, &record.id)),
        name: Some(name.clone()),
        connection_state: Some(record.state.name().to_owned()),
        state_reason: record.state_reason.clone(),
        authorization_type: Some(record.kind.clone()),
        creation_time: time(record.created_millis),
        last_modified_time: time(record.modified_millis),
        last_authorized_time: time(record.authorized_millis),
    };
    let connections = Some(found.into_iter().map(shown).collect());
    Ok(ListConnectionsOutput { connections, next_token }.into())
}
