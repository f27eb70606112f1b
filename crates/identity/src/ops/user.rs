//! Users, as far as a deployment asks for them.

use pontoon_api::iam::*;
use pontoon_core::{Account, Principal, Step};

use super::{allow, set_tags, some_tags, whole_seconds};
use crate::error::Error;
use crate::state::AccountState;
use crate::state::name::{self, Kind, Name};
use crate::state::role;
use crate::{Identity, records};

pub fn create_user(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: CreateUserInput,
) -> Result<CreateUserOutput, Error> {
    let account = step.scope.account;
    let user_name = Name::new(input.path, input.user_name);
    allow(step, "iam:CreateUser", &user_name.arn(Kind::User, account))?;
    if input.permissions_boundary.is_some() {
        return Err(Error::Unsupported("permissions boundaries of users".into()));
    }
    let tags = set_tags(&[], input.tags.unwrap_or_default(), "TagsPerUser")?;
    if let Some(state) = identity.state.account(account) {
        if state.users.contains_key(&name::key(&user_name.name)) {
            return Err(Error::UserExists(user_name.name));
        }
        if state.users.len() >= AccountState::USERS_MAX {
            return Err(Error::Quota("UsersPerAccount", AccountState::USERS_MAX));
        }
    }
    let user = role::User {
        name: user_name,
        id: Kind::User.unique_id(step.ids),
        created: whole_seconds(step.now),
        tags,
    };
    let shown = shown(&user, account);
    records::put_user(step, &user);
    identity.state.account_mut(account).users.insert(name::key(&user.name.name), user);
    Ok(CreateUserOutput { user: Some(shown) })
}

/// The named user, or the caller itself.
pub fn get_user(
    identity: &mut Identity,
    step: &mut Step<'_>,
    input: GetUserInput,
) -> Result<GetUserOutput, Error> {
    let account = step.scope.account;
    let user_name = match (input.user_name, &step.caller.principal) {
        (Some(name), _) => name,
        (None, Principal::User(arn)) => arn.rsplit('/').next().unwrap_or_default().to_owned(),
        (None, Principal::Account(_)) => return Ok(GetUserOutput { user: root(account) }),
        (None, Principal::Role { .. } | Principal::Service(_)) => {
            return Err(Error::Validation(
                "Must specify userName when calling with non-User credentials".into(),
            ));
        }
    };
    let user = identity.state.account(account).and_then(|state| state.users.get(&name::key(&user_name)));
    let arn = match user {
        Some(user) => user.name.arn(Kind::User, account),
        None => name::arn(Kind::User, account, &user_name),
    };
    allow(step, "iam:GetUser", &arn)?;
    let user = user.ok_or(Error::NoSuchUser(user_name))?;
    Ok(GetUserOutput { user: shown(user, account) })
}

/// The account's root user, which has a number and an ARN but no path or name.
fn root(account: Account) -> User {
    User { user_id: account.to_string(), arn: format!("arn:aws:iam::{account}:root"), ..User::default() }
}

fn shown(user: &role::User, account: Account) -> User {
    User {
        path: user.name.path.clone(),
        user_name: user.name.name.clone(),
        user_id: user.id.clone(),
        arn: user.name.arn(Kind::User, account),
        create_date: user.created,
        tags: some_tags(&user.tags),
        ..User::default()
    }
}
